/** The text of one element against its row: the value, or what is wrong with it and what to write instead. */
import { isIP } from 'node:net'
import type { Row } from './table.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

export type Value = boolean | number | string | readonly string[]

export type Reading = { readonly value: Value } | { readonly wrong: string }

/** Longest host name (RFC 1035, part 2.3.4). */
const hostLengthMax = 253

/** Reads a value; blanks around it do not count. */
export function readValue(row: Row, content: string): Reading {
  const text = content.trim()
  switch (row.kind) {
    case 'yes-no':
      if (text === 'yes' || text === 'no') return { value: text === 'yes' }
      return { wrong: `\`${shown(text)}\` is neither yes nor no` }
    case 'integer':
    case 'port':
      if (!/^-?\d{1,12}$/.test(text)) return { wrong: `\`${shown(text)}\` is no whole number` }
      return bounded(row, Number(text), String)
    case 'duration': {
      const seconds = parseDuration(text)
      if (seconds === null)
        return { wrong: `\`${shown(text)}\` is no length of time; write for example 30s, 15m, 1h, 1d or 1w` }
      return bounded(row, seconds, formatDuration)
    }
    case 'size': {
      const bytes = parseSize(text)
      if (bytes === null) return { wrong: `\`${shown(text)}\` is no size; write for example 512KB, 32MB or 1GB` }
      return bounded(row, bytes, formatSize)
    }
    case 'choice':
      if (row.choices?.includes(text)) return { value: text }
      return { wrong: `\`${shown(text)}\` is not one of ${row.choices?.join(', ')}` }
    case 'choices': {
      const words = text.split(',').map((word) => word.trim())
      const wrong = words.find((word) => !row.choices?.includes(word))
      if (wrong !== undefined) return { wrong: `\`${shown(wrong)}\` is not one of ${row.choices?.join(', ')}` }
      return { value: [...new Set(words)] }
    }
    case 'address':
      if (isIP(text) !== 0 || isHostName(text)) return { value: text }
      return { wrong: `\`${shown(text)}\` is neither an IP address nor a host name` }
    case 'network':
      if (isNetwork(text)) return { value: text }
      return { wrong: `\`${shown(text)}\` is no address or network; write for example 10.0.0.0/8` }
    case 'name':
      if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) return { value: text }
      return {
        wrong: `\`${shown(text)}\` is no name: 1 to 63 letters, digits, \`.\`, \`_\`, \`-\`, a letter or digit first`,
      }
    case 'path':
      if (text === '') return { wrong: 'a path is missing' }
      if (text.includes('\0')) return { wrong: 'a path cannot hold a NUL byte' }
      return { value: text }
    case 'text':
    case 'section':
      return { value: text }
  }
}

function bounded(row: Row, number: number, format: (n: number) => string): Reading {
  if (row.min !== undefined && number < row.min) return { wrong: `${format(number)} is less than ${format(row.min)}` }
  if (row.max !== undefined && number > row.max) return { wrong: `${format(number)} is more than ${format(row.max)}` }
  return { value: number }
}

function isHostName(text: string): boolean {
  if (text.length > hostLengthMax || /^[\d.]+$/.test(text)) return false
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i.test(text)
}

function isNetwork(text: string): boolean {
  if (text === 'any') return true
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  if (version === 4 && isIP(bits) === 4) return true
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
