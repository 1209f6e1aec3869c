/** The look: dense, calm, readable. Colours have at least the contrast that WCAG 2.2 AA asks for, in both schemes. */
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

const steel: MantineColorsTuple = [
  '#eef4fb',
  '#dce7f3',
  '#b5cde6',
  '#8ab1d9',
  '#679ace',
  '#4f8bc6',
  '#2f6fb0',
  '#245c96',
  '#1d4d80',
  '#123a64',
]

export const theme = createTheme({
  primaryColor: 'steel',
  primaryShade: { light: 7, dark: 6 },
  colors: { steel },
  fontFamily: 'Inter, "Segoe UI", system-ui, -apple-system, Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  spacing: { xs: '0.375rem', sm: '0.625rem', md: '0.875rem', lg: '1.25rem', xl: '1.75rem' },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '1.125rem' }, h2: { fontSize: '0.9375rem' }, h3: { fontSize: '0.875rem' } },
  },
  components: {
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'xs' } },
    PasswordInput: { defaultProps: { size: 'sm' } },
    Textarea: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs' } },
    MultiSelect: { defaultProps: { size: 'xs' } },
    Autocomplete: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    Switch: { defaultProps: { size: 'xs' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray', size: 'md' } },
    Table: { defaultProps: { verticalSpacing: 4, horizontalSpacing: 8, fz: 'sm' } },
    Tooltip: { defaultProps: { openDelay: 300, withinPortal: true } },
  },
})

/** Where the library's own colours have too little contrast: dimmed text, and text on light badges. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#4f575e',
    '--mantine-color-placeholder': '#667079',
    '--mantine-color-teal-light-color': '#05563d',
    '--mantine-color-green-light-color': '#195f27',
    '--mantine-color-red-light-color': '#9c1414',
    '--mantine-color-orange-light-color': '#8f3500',
    '--mantine-color-yellow-light-color': '#6e4500',
    '--mantine-color-gray-light-color': '#3a4147',
    '--mantine-color-blue-light-color': '#0f4c87',
  },
  dark: { '--mantine-color-dimmed': '#a9afb5', '--mantine-color-placeholder': '#9299a0' },
})
