import { expect, test } from 'vitest'
import { Event } from './event.ts'
import { FieldSlots } from './fields.ts'
import { predecode } from './predecode.ts'
import { answer, loadTest, utf8Bytes } from './test-ruleset.ts'

function split(text: string) {
  const event = new Event(new FieldSlots())
  event.reset()
  event.hostname = ''
  event.fullLog = utf8Bytes(text)
  predecode(event)
  const { timestamp, hostname, programName, log } = event
  return [timestamp, hostname, programName, log]
}

const cases: [
  says: string,
  text: string,
  timestamp: string | null,
  host: string,
  program: string | null,
  log: string,
][] = [
  ['A: traditional', 'Dec 29 10:00:01 web sshd[12]: hello', 'Dec 29 10:00:01', 'web', 'sshd', 'hello'],
  ['A: only separators count, not digits', 'xxx xx xx:xx:xx web prog: hi', 'xxx xx xx:xx:xx', 'web', 'prog', 'hi'],
  [
    'A: an extra blank behind the header is skipped',
    'Dec 29 10:00:01  web prog: hi',
    'Dec 29 10:00:01',
    'web',
    'prog',
    'hi',
  ],
  ['A: no host when the first name ends in a colon', 'Dec 29 10:00:01 prog: hi', 'Dec 29 10:00:01', '', 'prog', 'hi'],
  [
    'A: a name that ends in a bracket is no host',
    'Dec 29 10:00:01 prog[1]: hi',
    'Dec 29 10:00:01',
    '',
    null,
    'prog[1]: hi',
  ],
  ['no blank is needed behind the program', 'Dec 29 10:00:01 web prog:hi', 'Dec 29 10:00:01', 'web', 'prog', 'hi'],
  ['a process id must be digits', 'Dec 29 10:00:01 web prog[abc]: hi', 'Dec 29 10:00:01', 'web', null, 'prog[abc]: hi'],
  ['a process id may stand without colon', 'Dec 29 10:00:01 web prog[7] hi', 'Dec 29 10:00:01', 'web', 'prog', 'hi'],
  [
    'anything else behind the id is no program',
    'Dec 29 10:00:01 web prog[7]x hi',
    'Dec 29 10:00:01',
    'web',
    null,
    'prog[7]x hi',
  ],
  [
    'names take ( ) / @ _ . -',
    'Dec 29 10:00:01 a_b@c pam(x)/y.z-1: hi',
    'Dec 29 10:00:01',
    'a_b@c',
    'pam(x)/y.z-1',
    'hi',
  ],
  ['a plus ends a name', 'Dec 29 10:00:01 web a+b: hi', 'Dec 29 10:00:01', 'web', null, 'a+b: hi'],
  ['the header alone is too short', 'Dec 29 10:00:01 ', null, '', null, 'Dec 29 10:00:01 '],
  [
    'B: a comma before the fraction',
    '2015-04-16 21:51:02,805 web prog: hi',
    '2015-04-16 21:51:02,805',
    'web',
    'prog',
    'hi',
  ],
  ['C1: zone', '2007-06-14T15:48:55-04:00 web prog: hi there', '2007-06-14T15:48:55-04:00', 'web', 'prog', 'hi there'],
  [
    'C2: three digits and a zone',
    '2007-06-14T15:48:55.123-04:00 web prog: hi',
    '2007-06-14T15:48:55.123-04:00',
    'web',
    'prog',
    'hi',
  ],
  [
    'C3: six digits and a zone',
    '2007-06-14T15:48:55.123456-04:00 web prog: hi',
    '2007-06-14T15:48:55.123456-04:00',
    'web',
    'prog',
    'hi',
  ],
  [
    'C4: swallows 32 bytes whatever they are',
    '2022-01-01T10:00:00.123Z,WIN-HOST something',
    '2022-01-01T10:00:00.123Z,WIN-HO',
    'T',
    null,
    'something',
  ],
  ['D: year first', '2015 Dec 29 10:00:01 web prog: hi', '2015 Dec 29 10:00:01', 'web', 'prog', 'hi'],
  ['D: wants a digit first', 'x015 Dec 29 10:00:01 web prog: hi', null, '', null, 'x015 Dec 29 10:00:01 web prog: hi'],
  [
    'E: macOS unified log',
    '2021-04-21 10:16:09.404756-0700 web prog: hi',
    '2021-04-21 10:16:09.404756-0700'.slice(0, 31),
    'web',
    'prog',
    'hi',
  ],
  ['xferlog', 'Mon Apr 17 18:27:14 2006 1 10.0.0.1 file', 'Mon Apr 17 18:27:14 2006', '', null, '1 10.0.0.1 file'],
  ['snort', '01/28-09:13:16.240702  [**] [1:1] x', '01/28-09:13:16.240702', '', null, '[**] [1:1] x'],
  ['suricata', '01/28/1979-09:13:16.240702  [**] x y', '01/28/1979-09:13:16.240702', '', null, '[**] x y'],
  ['apache', '[Fri Feb 11 18:06:35 2004] [warn] x', 'Fri Feb 11 18:06:35 2004', '', null, '[warn] x'],
  [
    'ASL',
    '[Time 2006.12.28 15:53:55 UTC] [Facility auth] [Sender sshd] [PID 9] [Message hello you] [Host mac]',
    null,
    'mac',
    'sshd',
    'hello you',
  ],
  [
    'ASL: a message without end',
    '[Time 2006.12.28 15:53:55 UTC] [Sender sshd] [Message hello',
    null,
    '',
    'sshd',
    'hello',
  ],
  ['ASL: a sender without end', '[Time 2006.12.28 15:53:55 UTC] [Sender sshd', null, '', null, ' UTC] [Sender sshd'],
  [
    'squid: the blank run but its last byte is timestamp',
    '1140804070.368  11623 10.0.0.1 TCP_MISS',
    '1140804070.368 ',
    '',
    null,
    '11623 10.0.0.1 TCP_MISS',
  ],
  [
    'Solaris: jumps past [ID …]',
    'Dec 29 10:00:01 web prog[7]: [ID 800047 auth.info] hello',
    'Dec 29 10:00:01',
    'web',
    'prog',
    'hello',
  ],
  [
    'Solaris: an [ID without end stays',
    'Dec 29 10:00:01 web prog[7]: [ID 800047',
    'Dec 29 10:00:01',
    'web',
    'prog',
    '[ID 800047',
  ],
  ['AIX facility', 'Dec 29 10:00:01 web auth|security:info sshd[9]: hello', 'Dec 29 10:00:01', 'web', 'sshd', 'hello'],
  [
    'AIX: no blank behind the level',
    'Dec 29 10:00:01 web auth|security:info',
    'Dec 29 10:00:01',
    'web',
    null,
    'auth|security:info',
  ],
  [
    'AIX: an id without its closing bracket leaves the text, and the program is the rest',
    'Dec 29 10:00:01 web auth|security:info sshd[9: hello',
    'Dec 29 10:00:01',
    'web',
    'sshd[9: hello',
    'auth|security:info sshd[9: hello',
  ],
  [
    'AIX: an id needs a digit',
    'Dec 29 10:00:01 web auth|security:info sshd[]: hello',
    'Dec 29 10:00:01',
    'web',
    'sshd[]: hello',
    'auth|security:info sshd[]: hello',
  ],
  [
    'Solaris: where the host should stand, [ID …] stays',
    'Dec 29 10:00:01 [ID 800047 auth.info] hello',
    'Dec 29 10:00:01',
    '',
    null,
    '[ID 800047 auth.info] hello',
  ],
  [
    'Solaris: behind the host it is jumped past',
    'Dec 29 10:00:01 web [ID 800047 auth.info] hello',
    'Dec 29 10:00:01',
    'web',
    null,
    'hello',
  ],
  [
    'JSON never has a header',
    '{"a":"Dec 29 10:00:01 web prog: hi"}',
    null,
    '',
    null,
    '{"a":"Dec 29 10:00:01 web prog: hi"}',
  ],
  ['JSON may stand behind one', 'Dec 29 10:00:01 web prog: {"a":1}', 'Dec 29 10:00:01', 'web', 'prog', '{"a":1}'],
  ['an empty message', '', null, '', null, ''],
]
for (const [says, text, ...wanted] of cases) test(says, () => expect(split(text)).toEqual(wanted))

test('a month with an umlaut shifts the checks by a byte', () => {
  const [, host, program] = split('Mär 29 10:00:01 web prog: hi')
  expect([host, program]).toEqual(['web', 'prog'])
})

test('the length that a header needs is that of the text, with its umlaut', () => {
  expect(split('Mär 29 10:00:01 ')).toEqual(['Mär 29 10:00:0'.replace('ä', '\xc3\xa4'), '', null, ''])
})

const hosts: [says: string, log: string, where: string][] = [
  ['a header without a host: the manager', 'Dec 29 10:00:01 prog: hi', 'manager'],
  ['a header with one', 'Dec 29 10:00:01 web prog: hi', 'web'],
  ['a header whose host is empty', 'Dec 29 10:00:01   prog: hi', ''],
  ['no header: the manager', 'hi', 'manager'],
]
for (const [says, log, host] of hosts) {
  test(`the host of a local event: ${says}`, () => {
    const ruleset = loadTest({ rules: '<rule id="100" level="3"><description>[$(hostname)]</description></rule>' })
    expect(answer(ruleset, log).rule?.description).toBe(`[${host}]`)
  })
}
