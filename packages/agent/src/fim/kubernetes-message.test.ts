import { expect, test } from 'vitest'
import type { FileState } from './file-state.ts'
import { changeMessage, type FileChange } from './message.ts'
import { allChecks } from './options.ts'

const state: FileState = {
  size: 1,
  perm: 'rw-r--r--',
  uid: '0',
  gid: '0',
  userName: 'root',
  groupName: 'root',
  mtime: 1,
  inode: '7',
  md5: 'm',
  sha1: 's',
  sha256: 'z',
}
const change: FileChange = {
  path: '/etc/x',
  mode: 'realtime',
  change: 'added',
  timestamp: 1,
  checks: allChecks,
  state,
  old: null,
  changed: [],
  tags: '',
  hardLinks: [],
  symlink: '',
  actor: null,
  contentChanges: null,
}
const pod = { pod: 'web-5d9', namespace: 'shop', container: 'nginx', containerId: 'c1', podUid: 'u-1' }

const cases: [says: string, pod: FileChange['actor'], kubernetes: object | undefined][] = [
  ['nobody known', null, undefined],
  ['a process of the host', { processId: 7 }, undefined],
  [
    'a process of a pod',
    { pod },
    { namespace: 'shop', pod: { name: 'web-5d9', uid: 'u-1' }, container: { name: 'nginx', id: 'c1' } },
  ],
  [
    'a pod whose names are gone',
    { pod: { ...pod, pod: '', namespace: '', container: '' } },
    { pod: { uid: 'u-1' }, container: { id: 'c1' } },
  ],
]
test.each(cases)('a change by %s', (_says, actor, kubernetes) => {
  expect(JSON.parse(changeMessage({ ...change, actor })).data.kubernetes).toEqual(kubernetes)
})
