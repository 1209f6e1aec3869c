import { expect, test } from 'vitest'
import { clusterCommands, hostCommands, isHost, shellWord } from './deploy-commands.ts'

test('what was typed stays one word of the shell', () => {
  expect(shellWord("a b'; rm -rf /")).toBe("'a b'\\''; rm -rf /'")
  expect(hostCommands({ manager: 'm.example', name: 'web 1', groups: 'dmz,web' })).toContain(
    "--manager m.example --password-file authd.pass --name 'web 1' --group dmz,web",
  )
})

test.each([
  ['manager.example', true],
  ['192.0.2.1', true],
  ['2001:db8::1', true],
  ["x'; rm", false],
  ['a/b', false],
  ['', false],
])('%s is a host: %s', (text, wanted) => {
  expect(isHost(text)).toBe(wanted)
})

test('the cluster gets the manager’s address', () => {
  expect(clusterCommands({ manager: '10.0.0.5', name: '', groups: '' })).toContain('s/MANAGER/10.0.0.5/')
})
