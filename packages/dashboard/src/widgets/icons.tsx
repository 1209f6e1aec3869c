/** Icons, drawn on a grid of 24 with round lines; the text beside one says what it means, so that icons are hidden from readers by ear. */

const paths = {
  alert: 'M12 4l9 16H3zM12 10v4M12 17v.5',
  chart: 'M4 20V10M10 20V4M16 20v-7M21 20H3',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  chevron: 'M9 6l6 6-6 6',
  clock: 'M12 3a9 9 0 1 0 .01 0zM12 7v5l3 2',
  close: 'M6 6l12 12M18 6L6 18',
  columns: 'M4 5h16v14H4zM10 5v14M15 5v14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  download: 'M12 4v11M7 11l5 5 5-5M4 20h16',
  edit: 'M4 20l1-5L16 4l4 4L9 19z',
  eye: 'M2.500 12c4-7 15-7 19 0c-4 7-15 7-19 0zM12 9a3 3 0 1 0 .01 0z',
  filterFor: 'M11 4a7 7 0 1 0 .01 0zM16 16l5 5M11 8v6M8 11h6',
  filterOut: 'M11 4a7 7 0 1 0 .01 0zM16 16l5 5M8 11h6',
  live: 'M12 10a2 2 0 1 0 .01 0zM7.500 7.500a6.400 6.400 0 0 0 0 9M16.500 7.500a6.400 6.400 0 0 1 0 9M4.500 4.500a10.600 10.600 0 0 0 0 15M19.500 4.500a10.600 10.600 0 0 1 0 15',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  moon: 'M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500z',
  next: 'M9 6l6 6-6 6',
  plus: 'M12 5v14M5 12h14',
  previous: 'M15 6l-6 6 6 6',
  refresh: 'M20 11a8 8 0 1 0-2.300 6.500M20 4v7h-7',
  save: 'M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  search: 'M11 4a7 7 0 1 0 .01 0zM16 16l5 5',
  sun: 'M12 8a4 4 0 1 0 .01 0zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500L19 19M5 19l1.500-1.500M17.500 6.500L19 5',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5',
  user: 'M12 4a4 4 0 1 0 .01 0zM4 21c0-9 16-9 16 0',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      className="icon"
    >
      <path d={paths[name]} />
    </svg>
  )
}

export function Logo({ size }: { readonly size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#1c4f8f" />
      <path d="M6 16c4-6.500 16-6.500 20 0c-4 6.500-16 6.500-20 0z" fill="none" stroke="#fff" strokeWidth="2.400" />
      <circle cx="16" cy="16" r="3.600" fill="#fff" />
    </svg>
  )
}
