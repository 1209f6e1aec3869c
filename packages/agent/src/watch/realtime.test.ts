import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type FimEvent, TestHome } from '../fim/test-home.ts'
import { openFanotify, parseFanotify } from './fanotify.ts'
import { openInotify, parseInotify } from './inotify.ts'
import { Realtime } from './realtime.ts'
import type { WatcherOptions } from './watcher.ts'

const quiet: WatcherOptions = { onHint: () => {}, onOverflow: () => {}, onProblem: () => {}, isSkipped: () => false }

async function isAllowed(open: typeof openFanotify): Promise<boolean> {
  try {
    const watcher = open(quiet)
    const refused = watcher.watch([{ path: '/tmp', recursionLevel: 0 }])
    await watcher.close()
    return refused.size === 0
  } catch {
    return false
  }
}
/** Changes are made by another process, since our own are not told. */
function sh(script: string, cwd: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd, timeout: 20_000 })
  if (status !== 0) throw new Error(stderr.toString())
}

for (const kind of ['fanotify', 'inotify'] as const) {
  const allowed = await isAllowed(kind === 'fanotify' ? openFanotify : openInotify)
  describe.skipIf(!allowed)(
    `${kind}${allowed ? '' : ' (not allowed here: it needs CAP_SYS_ADMIN, and a file system that can be marked)'}`,
    () => {
      let home: TestHome
      let fim: ReturnType<TestHome['open']>
      let realtime: Realtime
      const events: FimEvent[] = []
      let overflows = 0
      beforeEach(async () => {
        events.length = 0
        overflows = 0
        home = new TestHome()
        mkdirSync(join(home.dir, 'sub'))
        writeFileSync(join(home.dir, 'old'), 'one\n')
        writeFileSync(join(home.dir, 'sub', 'deep'), 'one\n')
        fim = home.open({ directories: [home.watched({ mode: 'realtime' })] })
        realtime = new Realtime({
          targets: [{ path: home.dir, recursionLevel: 256 }],
          kinds: [kind],
          isSkipped: (folder) => fim.isSkipped(folder),
          examine: async ({ path, isFolder }) => {
            if (isFolder) await fim.examineBelow(path, 'realtime')
            else await fim.examine(path, 'realtime')
          },
          rescan: async () => {
            await fim.examineBelow(home.dir, 'realtime')
          },
          onOverflow: async () => {
            overflows++
          },
          tell: (message) => home.told.push(message),
        })
        expect([...realtime.start()]).toEqual([])
        await fim.scan()
        home.takeEvents()
        realtime.release()
      })
      afterEach(async () => {
        await realtime.close()
        await fim.close()
        home.remove()
      })

      /** Waits until a path has been told in this way. */
      const told = (type: string, path: string): Promise<void> =>
        vi.waitFor(
          () => {
            events.push(...home.takeEvents())
            const names = events.map((event) => `${event.type} ${event.path.slice(home.dir.length + 1)}`)
            expect(names).toContain(`${type} ${path}`)
          },
          { timeout: 10_000, interval: 10 },
        )

      const cases: [says: string, script: string, tells: readonly [type: string, path: string][]][] = [
        ['a file is made', 'echo x > new', [['added', 'new']]],
        ['a file is written', 'echo x >> old', [['modified', 'old']]],
        ['a file below is written', 'echo x >> sub/deep', [['modified', 'sub/deep']]],
        ['permissions change', 'chmod 600 old', [['modified', 'old']]],
        ['a file is removed', 'rm old', [['deleted', 'old']]],
        [
          'a file is renamed',
          'mv old sub/older',
          [
            ['deleted', 'old'],
            ['added', 'sub/older'],
          ],
        ],
        ['a file is replaced', 'echo two > ../t; mv ../t old', [['modified', 'old']]],
        ['a folder is made with files at once', 'mkdir -p a/b/c; echo x > a/b/c/x', [['added', 'a/b/c/x']]],
        ['a folder is moved in', 'mkdir -p ../m/n; echo x > ../m/n/x; mv ../m moved', [['added', 'moved/n/x']]],
        [
          'a folder is renamed',
          'mv sub bus',
          [
            ['deleted', 'sub/deep'],
            ['added', 'bus/deep'],
          ],
        ],
        [
          'a file in a renamed folder is written',
          'mv sub bus; sleep 0.1; echo x >> bus/deep; echo y > bus/new',
          [['added', 'bus/new']],
        ],
        ['a folder is moved out', 'mv sub ../out', [['deleted', 'sub/deep']]],
        ['a folder is removed', 'rm -r sub', [['deleted', 'sub/deep']]],
      ]
      test.each(cases)('%s', async (_says, script, tells) => {
        sh(script, home.dir)
        for (const [type, path] of tells) await told(type, path)
        expect(events.every(({ mode }) => mode === 'realtime')).toBe(true)
      })

      test('a hundred files in one go are a hundred events', async () => {
        sh('for n in $(seq 100); do echo $n > f$n; done', home.dir)
        await told('added', 'f100')
        for (let n = 1; n <= 100; n++) await told('added', `f${n}`)
      })

      test('when the kernel’s queue overflows, that is told, and everything is compared', async () => {
        // In one go: nobody reads the queue meanwhile, whose bound is 16,384 events. Each new name is at least one of them.
        let name = join(home.dir, 'old')
        for (let n = 0; n < 17_000; n++) {
          const next = join(home.dir, `n${n}`)
          renameSync(name, next)
          name = next
        }
        await told('added', 'n16999')
        await told('deleted', 'old')
        expect(overflows).toBeGreaterThan(0)
      })
    },
  )
}

test('bytes that are no events are no events', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(Array.isArray(parseFanotify(Buffer.from(bytes)))).toBe(true)
      expect(Array.isArray(parseInotify(Buffer.from(bytes)))).toBe(true)
    }),
  )
})

test('an inotify event cut at any byte is left out', () => {
  const event = Buffer.alloc(32)
  event.writeInt32LE(7, 0)
  event.writeUInt32LE(0x100, 4)
  event.writeUInt32LE(16, 12)
  event.write('name', 16)
  const whole = { watch: 7, mask: 0x100, name: 'name' }
  expect(parseInotify(Buffer.concat([event, event]))).toEqual([whole, whole])
  for (let end = 0; end < 32; end++) {
    expect(parseInotify(Buffer.concat([event, event.subarray(0, end)]))).toEqual([whole])
  }
})

test('too many paths at once are one rescan', async () => {
  const home = new TestHome()
  let rescans = 0
  const realtime = new Realtime({
    targets: [{ path: home.dir, recursionLevel: 0 }],
    kinds: ['inotify'],
    pendingMax: 20,
    isSkipped: () => false,
    examine: async () => {},
    rescan: async () => {
      rescans++
    },
    onOverflow: async () => {},
    tell: () => {},
  })
  const refused = realtime.start()
  if (refused.size === 0) {
    for (let n = 0; n < 40; n++) writeFileSync(join(home.dir, `${n}`), '')
    realtime.release()
    await vi.waitFor(() => expect(rescans).toBeGreaterThan(0), { timeout: 10_000 })
  }
  await realtime.close()
  rmSync(home.root, { recursive: true, force: true })
})
