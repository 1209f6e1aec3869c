/** Numbers as people read them. */

const formats = new Intl.NumberFormat('en')

/** `12,345` */
export function countText(n: number): string {
  return formats.format(n)
}

/** `1.2 M`, for places that are small. */
export function shortCount(n: number): string {
  if (n < 10_000) return countText(n)
  const [size, unit] = n < 1e6 ? [1e3, 'k'] : n < 1e9 ? [1e6, 'M'] : [1e9, 'G']
  return `${(n / size).toFixed(n / size < 100 ? 1 : 0)} ${unit}`
}

/** `1.5 MiB` */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** at
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`
}
