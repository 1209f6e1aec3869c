/** Plugin decoders other than JSON (spec: engine, parts 7.2 to 7.5). Each reads the event's log and stores what it finds. */
import { compileOsregex, noMatch, type Pattern } from '@dogwatch/pattern'
import { afterMatch } from './after-match.ts'
import type { Event } from './event.ts'
import { category, field } from './fields.ts'

/** BSD packet filter. */
export function packetFilter(event: Event): void {
  const { log } = event
  const paren = log.indexOf(')')
  if (paren === -1 || log[paren + 1] !== ' ') return
  const verb = log[paren + 2]
  if (verb === 'p') event.setStatic(field.action, 'pass')
  else if (verb === 'b') event.setStatic(field.action, 'block')
  else return
  const colon = log.indexOf(':', paren + 2)
  if (colon === -1 || log[colon + 1] !== ' ') return
  const source = colon + 2
  const sourceEnd = log.indexOf(' ', source)
  if (sourceEnd === -1) return
  endpoint(event, log.slice(source, sourceEnd), field.srcip, field.srcport)
  if (!log.startsWith('> ', sourceEnd + 1)) return
  const target = sourceEnd + 3
  const targetEnd = log.indexOf(':', target)
  if (targetEnd === -1) return
  endpoint(event, log.slice(target, targetEnd), field.dstip, field.dstport)
  let at = targetEnd + 1
  while (log[at] === ' ') at++
  const protocol = log[at]
  if (protocol !== undefined)
    event.setStatic(field.protocol, protocol === 'u' ? 'UDP' : protocol === 'i' ? 'ICMP' : 'TCP')
}

/** `a.b.c.d.port`: from the fourth dot on it is the port. */
function endpoint(event: Event, text: string, ip: number, port: number): void {
  let dot = -1
  for (let n = 0; n < 4; n++) {
    dot = text.indexOf('.', dot + 1)
    if (dot === -1) break
  }
  event.setStatic(ip, dot === -1 ? text : text.slice(0, dot))
  if (dot !== -1) event.setStatic(port, text.slice(dot + 1))
}

export function symantecWebSecurity(event: Event): void {
  const { log } = event
  for (let comma = log.indexOf(','); comma !== -1; comma = log.indexOf(',', comma + 1)) {
    const start = comma + 1
    const end = log.indexOf(',', start)
    const item = log.slice(start, end === -1 ? undefined : end)
    const first = (index: number, from: number, most: number): void => {
      if (event.statics[index] === null) event.setStatic(index, item.slice(from, from + most))
    }
    if (item.startsWith('10=')) first(field.dstuser, 3, 128)
    else if (item.startsWith('11=')) first(field.srcip, 3, 128)
    else if (item.startsWith('60=')) first(field.url, 3, 1024)
    else if ((item.startsWith('3=') || item.startsWith('2=')) && event.statics[field.id] === null)
      event.setStatic(field.id, log.slice(start, start + 9))
  }
}

const sonic = {
  head: ours('pri=(\\d) c=(\\d+) m=(\\d+) '),
  ends: ours('src=(\\d+.\\d+.\\d+.\\d+):(\\d+):\\S+ dst=(\\d+.\\d+.\\d+.\\d+):(\\d+):'),
  result: ours('result=(\\d+) dstname=(\\S+) arg=(\\S+)$'),
}
const sonicIds: Readonly<Record<string, string>> = {
  98: 'pass',
  597: 'pass',
  598: 'pass',
  38: 'drop',
  36: 'drop',
  173: 'drop',
  174: 'drop',
  37: 'drop',
  537: 'close',
}

/** Bytes that names of pre-decoding have (spec: engine, part 3.1), but the slash that ends a protocol here. */
const protocolName = /^[A-Za-z0-9().@_-]{0,6}/

function ours(source: string): Pattern {
  const compiled = compileOsregex(source, { captures: true })
  if (compiled.pattern === undefined) throw new Error(compiled.error.message)
  return compiled.pattern
}

export function sonicWall(event: Event): void {
  event.category = category.syslog
  const groups: string[] = []
  const headEnd = sonic.head.exec(event.log, groups)
  if (headEnd === noMatch) return
  const [priority = '', kind = '', id = ''] = groups
  event.setStatic(field.status, priority)
  event.setStatic(field.id, id)
  const ends = afterMatch(event.log, headEnd)
  const endsEnd = sonic.ends.exec(ends, groups)
  if (endsEnd === noMatch) return
  for (const [n, index] of [field.srcip, field.srcport, field.dstip, field.dstport].entries())
    event.setStatic(index, groups[n] ?? '')
  const rest = afterMatch(ends, endsEnd)
  const blank = rest.indexOf(' ')
  const tail = blank === -1 ? '' : rest.slice(blank + 1)
  let protocolText = tail
  if (tail.startsWith('proto=')) {
    event.setStatic(field.protocol, protocolName.exec(tail.slice(6))?.[0] ?? '')
    protocolText = tail.slice(6)
  }
  if (Number(kind.slice(0, 7)) === 32) {
    event.category = category.ids
    return
  }
  const action = Object.hasOwn(sonicIds, id) ? sonicIds[id] : undefined
  if (action !== undefined) {
    event.category = category.firewall
    event.setStatic(field.action, action)
  } else if (id === '97') {
    event.category = category.squid
    if (sonic.result.exec(protocolText, groups) === noMatch) return
    event.setStatic(field.id, groups[0] ?? '')
    event.setStatic(field.url, `${groups[1] ?? ''}${groups[2] ?? ''}`)
  }
}

/** Alerts of another manager: takes over its rule, location and log; a rule that is not known here leaves the event as it came. */
export function ossecAlert(event: Event, isRule: (id: number) => boolean): void {
  event.category = category['ossec-alert']
  const { log } = event
  const start = log.startsWith('ossec: ') ? 7 : 0
  const head = /^Alert Level: \d+; Rule: (\d+) - [^;]*; Location: ([^;]*); /.exec(log.slice(start))
  if (head === null || !isRule(Number(head[1]))) return
  event.presetRule = Number(head[1])
  event.location = `${event.location}|${head[2]}`.slice(0, 255)
  event.hostname = event.location
  let rest = log.slice(start + head[0].length)
  const optional = (label: string, index: number): void => {
    if (!rest.startsWith(label)) return
    const end = rest.indexOf(';')
    if (end === -1) return
    event.setStatic(index, rest.slice(label.length, end))
    rest = rest.slice(end + 1).replace(/^ /, '')
  }
  optional('srcip: ', field.srcip)
  optional('user: ', field.dstuser)
  rest = rest.replace(/^ +/, '').slice(0, 4094)
  event.fullLog = rest
  event.log = rest
  event.logStart = 0
}
