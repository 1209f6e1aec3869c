/** Inventory changes of agents (spec: engine, part 16.3). */
import type { EventDecoder } from '../decode.ts'
import type { Event } from '../event.ts'
import { numberText } from '../json-number.ts'
import { claim, member, objectMember, put, readObject, textMember } from './store.ts'

/** Columns of each table that become fields: `column` or `field(column it comes from)`, below the prefix. */
const tables: Readonly<
  Record<string, { readonly prefix: string; readonly columns: readonly (readonly [field: string, column: string])[] }>
> = {
  hotfixes: table('', 'hotfix'),
  packages: table(
    'program.',
    'format name priority section:groups size vendor install_time version architecture multiarch source description location',
  ),
  processes: table(
    'process.',
    'pid name state ppid utime stime cmd args:argvs euser ruser suser egroup rgroup sgroup fgroup priority nice size vm_size resident share start_time pgrp session nlwp tgid tty processor',
  ),
  ports: table('port.', 'protocol local_ip local_port remote_ip remote_port tx_queue rx_queue inode state pid process'),
  network_iface: table(
    'netinfo.iface.',
    'name adapter type state mtu mac tx_packets rx_packets tx_bytes rx_bytes tx_errors rx_errors tx_dropped rx_dropped',
  ),
  network_protocol: table('netinfo.proto.', 'iface type gateway dhcp metric'),
  network_address: table('netinfo.addr.', 'iface proto address netmask broadcast'),
  hwinfo: table('hardware.', 'serial:board_serial cpu_name cpu_cores cpu_mhz ram_total ram_free ram_usage'),
  osinfo: table(
    'os.',
    'hostname architecture name:os_name version:os_version codename major minor patch build platform sysname release version os_release display_version',
  ),
}
/** Tables whose every column is a field. */
const open: Readonly<Record<string, string>> = {
  users: 'user.',
  groups: 'group.',
  browser_extensions: 'browser_extension.',
  services: 'service.',
}
/** Columns that are the agent's own bookkeeping. */
const bookkeeping = new Set(['checksum', 'item_id', 'scan_time'])

function table(prefix: string, columns: string): { prefix: string; columns: (readonly [string, string])[] } {
  return {
    prefix,
    columns: columns.split(' ').map((entry) => {
      const [field = '', column = field] = entry.split(':')
      return [field, column] as const
    }),
  }
}

/** Decodes a message of queue `d`; false when it makes no event. */
export function decodeSyscollector(event: Event, decoder: EventDecoder): boolean {
  if (event.location !== 'syscollector' && !event.location.endsWith('>syscollector')) return false
  const message = readObject(event.fullLog) ?? undefined
  const type = textMember(message, 'type')
  const data = objectMember(message, 'data')
  if (type === undefined || !type.startsWith('dbsync_') || data === undefined) return false
  const name = type.slice('dbsync_'.length)
  const known = Object.hasOwn(tables, name) ? tables[name] : undefined
  const prefix = known?.prefix ?? (Object.hasOwn(open, name) ? open[name] : undefined)
  if (prefix === undefined) return false
  claim(event, decoder, 'syscollector')
  put(event, 'type', type)
  const columns =
    known?.columns ??
    data.members.map(([column]) => [column, column] as const).filter(([column]) => !bookkeeping.has(column))
  for (const [field, column] of columns) {
    const value = member(data, column)
    let text = value?.kind === 'string' ? value.text : value?.kind === 'number' ? numberText(value.literal) : ''
    if (name === 'network_address' && field === 'proto' && value?.kind === 'number')
      text = value.value === 0 ? 'ipv4' : 'ipv6'
    put(event, prefix + field, text)
  }
  put(event, 'operation_type', textMember(message, 'operation'))
  return true
}
