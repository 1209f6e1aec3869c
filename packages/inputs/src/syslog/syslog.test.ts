import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { RecordMeta } from '@dogwatch/schema'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { SyslogFraming, withoutPriority } from './framing.ts'
import { droppedDatagrams, type SyslogOptions, SyslogReceiver } from './receiver.ts'

const texts = (messages: readonly Buffer[]): string[] => messages.map((message) => message.toString('latin1'))

describe('framing', () => {
  const cases: readonly [says: string, stream: string, expected: readonly string[]][] = [
    ['lines', '<1>a\n<2>b\n', ['<1>a', '<2>b']],
    ['lines with CR', '<1>a\r\n<2>b\r\n', ['<1>a', '<2>b']],
    ['NUL for an end', '<1>a\0<2>b\0', ['<1>a', '<2>b']],
    ['empty lines', '\n\n<1>a\n\n', ['<1>a']],
    ['lengths in front', '4 <1>a5 <2>bc', ['<1>a', '<2>bc']],
    ['a newline inside of a message with its length', '6 <1>a\nb', ['<1>a\nb']],
    ['both, one after the other', '4 <1>a<2>b\n4 <3>c', ['<1>a', '<2>b', '<3>c']],
    ['a line that begins with digits', '2026 was a year\n', ['2026 was a year']],
    ['a last line without its end', '<1>a\n<2>b', ['<1>a', '<2>b']],
    ['half a message with its length', '4 <1', []],
  ]
  test.each(cases)('%s, however it is cut', (_says, stream, expected) => {
    for (let size = 1; size <= stream.length; size++) {
      const framing = new SyslogFraming()
      const found: Buffer[] = []
      for (let at = 0; at < stream.length; at += size)
        found.push(...framing.push(Buffer.from(stream.slice(at, at + size))))
      expect(texts([...found, ...framing.end()])).toEqual(expected)
    }
  })

  const long: readonly [says: string, stream: string, expected: readonly string[]][] = [
    ['a line', `<1>${'x'.repeat(50)}\n<2>b\n`, [`<1>${'x'.repeat(17)}`, '<2>b']],
    ['one with its length', `53 <1>${'x'.repeat(50)}<2>b\n`, [`<1>${'x'.repeat(17)}`, '<2>b']],
  ]
  test.each(long)('%s beyond the bound is cut, and the next one is whole', (_says, stream, expected) => {
    for (let size = 1; size <= stream.length; size++) {
      const framing = new SyslogFraming(20)
      const found: Buffer[] = []
      for (let at = 0; at < stream.length; at += size)
        found.push(...framing.push(Buffer.from(stream.slice(at, at + size))))
      expect([texts(found), framing.cut]).toEqual([expected, 1])
    }
  })

  test('any stream ends, within the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        const framing = new SyslogFraming(30)
        const found = chunks.flatMap((chunk) => framing.push(Buffer.from(chunk)))
        expect(found.every(({ length }) => length <= 30)).toBe(true)
      }),
    )
  })

  const priorities: readonly [says: string, message: string, expected: string][] = [
    ['a priority', '<34>Oct 11 22:14:15 host su: x', 'Oct 11 22:14:15 host su: x'],
    ['one of RFC 5424', '<165>1 2003-08-24T05:14:15Z h a - - x', '1 2003-08-24T05:14:15Z h a - - x'],
    ['none', 'Oct 11 host', 'Oct 11 host'],
    ['four digits', '<1234>x', '<1234>x'],
    ['no digits', '<>x', '<>x'],
  ]
  test.each(priorities)('%s', (_says, message, expected) => {
    expect(withoutPriority(Buffer.from(message)).toString()).toBe(expected)
  })
})

test('the drops of the kernel are read from its table', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  10: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000 17
  11: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000 5`
  expect(droppedDatagrams(table, 514)).toBe(17)
})

describe('the receiver', () => {
  const records: { meta: RecordMeta; text: string }[] = []
  const receivers: SyslogReceiver[] = []
  afterEach(async () => {
    records.length = 0
    for (const receiver of receivers.splice(0)) await receiver.close(0)
  })

  async function open(over: Partial<SyslogOptions>): Promise<{ receiver: SyslogReceiver; port: number }> {
    const receiver = new SyslogReceiver({
      host: '127.0.0.1',
      port: 0,
      protocol: 'udp',
      allowed: ['127.0.0.0/8'],
      denied: [],
      sink: {
        put: async (meta, body) => void records.push({ meta, text: Buffer.concat(body).toString() }),
      },
      onRefused: () => {},
      ...over,
    })
    receivers.push(receiver)
    return { receiver, port: await receiver.listen() }
  }

  function datagram(port: number, text: string): Promise<void> {
    const socket = createSocket('udp4')
    return new Promise((resolve) =>
      socket.send(text, port, '127.0.0.1', () => {
        socket.close()
        resolve()
      }),
    )
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  test('a datagram is a record, its sender the peer', async () => {
    const { port, receiver } = await open({})
    await datagram(port, '<34>Oct 11 22:14:15 host su: failed\n')
    await until(() => records.length === 1)
    expect(records[0]).toMatchObject({
      text: 'Oct 11 22:14:15 host su: failed',
      meta: { input: 'syslog', peer: '127.0.0.1' },
    })
    expect(await receiver.kernelDrops()).toBe(0)
  })

  const refusals: readonly [says: string, over: Partial<SyslogOptions>][] = [
    ['who is not allowed', { allowed: ['10.0.0.0/8'] }],
    ['who is denied', { denied: ['127.0.0.1'] }],
    ['all when nobody is allowed', { allowed: [] }],
  ]
  test.each(refusals)('passes over %s, and counts', async (_says, over) => {
    const { port, receiver } = await open(over)
    await datagram(port, '<34>x')
    await until(() => receiver.counters.refused.not_allowed === 1)
    expect(records).toEqual([])
  })

  test('a connection may send both framings; who is not allowed is closed', async () => {
    const { port } = await open({ protocol: 'tcp' })
    const socket = connect(port, '127.0.0.1')
    socket.end('<34>one\n7 <34>two<34>three')
    await until(() => records.length === 3)
    expect(records.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
    const { port: closed, receiver } = await open({ protocol: 'tcp', denied: ['127.0.0.1'] })
    await new Promise<void>((resolve) =>
      connect(closed, '127.0.0.1')
        .on('error', () => {})
        .once('close', () => resolve()),
    )
    expect(receiver.counters.refused.not_allowed).toBe(1)
  })
})
