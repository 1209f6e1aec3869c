// Before the first paint: dark or light, as chosen before or as the system has it, so that nothing flashes.
;(() => {
  let chosen = null
  try {
    chosen = localStorage.getItem('dogwatch-color-scheme')
  } catch {
    // Storage may be closed to this page; then the system decides.
  }
  const isDark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', isDark ? 'dark' : 'light')
})()
