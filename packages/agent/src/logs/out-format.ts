/** Templates of messages, `<out_format>` (spec: modules, part 1). In go a template and the parts, out comes the text; pure. */
import { strftime } from './strftime.ts'

export interface MessageParts {
  /** Byte text. */
  readonly log: string
  readonly location: string
  readonly hostname: string
  readonly hostIp: string
  readonly time: Date
}

/** Fills a template; a token that is not known becomes nothing. */
export function fillTemplate(template: string, { log, location, hostname, hostIp, time }: MessageParts): string {
  return template.replace(/\$\(([^)]*)\)/g, (_all, token: string) => {
    if (token.startsWith('timestamp ')) return strftime(token.slice('timestamp '.length), time)
    switch (token) {
      case 'log':
      case 'output':
        return log
      case 'json_escaped_log':
        return JSON.stringify(log).slice(1, -1)
      case 'base64_log':
        return Buffer.from(log, 'latin1').toString('base64')
      case 'location':
      case 'command':
        return location
      case 'timestamp':
        return strftime('%b %e %H:%M:%S', time)
      case 'hostname':
        return hostname
      case 'host_ip':
        return hostIp
      default:
        return ''
    }
  })
}

/** Tokens of a template that are not known, for a warning. */
export function unknownTokens(template: string): string[] {
  const known = new Set([
    'log',
    'output',
    'json_escaped_log',
    'base64_log',
    'location',
    'command',
    'timestamp',
    'hostname',
    'host_ip',
  ])
  return [...template.matchAll(/\$\(([^)]*)\)/g)].flatMap(([, token = '']) =>
    known.has(token) || token.startsWith('timestamp ') ? [] : [token],
  )
}
