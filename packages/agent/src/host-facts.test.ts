import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { keepAliveText, parseKeepAlive } from '@dogwatch/protocol'
import { expect, test } from 'vitest'
import { systemText, unameText } from './host-facts.ts'

const cases: [says: string, osRelease: string, expected: string | RegExp][] = [
  [
    'a distribution with everything',
    'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    'Debian GNU/Linux|debian: 12 (bookworm)',
  ],
  ['one without a codename', 'NAME=Alpine\nID=alpine\nVERSION_ID=3.20\n', 'Alpine|alpine: 3.20'],
  ['no file at all', '', /^Linux\|linux: \d/],
  ['marks of the form are taken out', 'NAME="a|b]c:d"\nID=x\nVERSION_ID=1\n', 'a b c d|x: 1'],
]
test.each(cases)('%s', (_says, osRelease, expected) => {
  expect(systemText(osRelease)).toMatch(
    expected instanceof RegExp ? expected : new RegExp(`^${RegExp.escape(expected)}$`),
  )
})

test('a manager reads from it what it wants to know, of the host rather than of the container', () => {
  const root = mkdtempSync(join(tmpdir(), 'dogwatch-root-'))
  mkdirSync(join(root, 'etc'))
  writeFileSync(join(root, 'etc/hostname'), 'node-a\n')
  writeFileSync(join(root, 'etc/os-release'), 'NAME="Flatcar"\nID=flatcar\nVERSION_ID="4230"\nVERSION_CODENAME=x\n')
  const says = {
    uname: unameText(root),
    version: 'v',
    configSum: null,
    labels: [],
    mergedSum: null,
    address: '10.0.0.1',
  }
  rmSync(root, { recursive: true })
  const { system } = parseKeepAlive(Buffer.from(keepAliveText(says)))
  const expected = { name: 'Flatcar', platform: 'flatcar', version: '4230', codename: 'x', hostname: 'node-a' }
  expect(system).toMatchObject(expected)
  expect(unameText()).toContain(`|${hostname()} |`)
})
