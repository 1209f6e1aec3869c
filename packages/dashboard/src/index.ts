export { type MenuEntry, menu } from './menu.ts'
