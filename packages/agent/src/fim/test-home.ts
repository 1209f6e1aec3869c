/** For tests: a folder of their own, and file integrity over it whose messages are kept in a list. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Baseline } from './baseline.ts'
import { Contents } from './contents.ts'
import { FileIntegrity } from './fim.ts'
import { Names } from './names.ts'
import { allChecks, type FimConfig, type WatchedPath } from './options.ts'

export interface Sent {
  readonly queue: string
  readonly location: string
  readonly message: string
}

export interface FimEvent {
  readonly path: string
  readonly type: string
  readonly mode: string
  readonly tags?: string
  readonly changed_attributes?: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly old_attributes?: Readonly<Record<string, unknown>>
  readonly content_changes?: string
  readonly hard_links?: readonly string[]
  readonly audit?: Readonly<Record<string, unknown>>
}

export class TestHome {
  readonly root = mkdtempSync(join(tmpdir(), 'dogwatch-fim-'))
  readonly dir = join(this.root, 'watched')
  readonly state = join(this.root, 'state')
  readonly sent: Sent[] = []
  readonly told: string[] = []
  /** Set to make `send` fail. */
  failure: Error | null = null

  constructor() {
    mkdirSync(this.dir)
    mkdirSync(this.state)
  }

  /** An entry for the watched folder. */
  watched(over: Partial<WatchedPath> = {}): WatchedPath {
    return {
      path: this.dir,
      mode: 'scheduled',
      checks: allChecks,
      reportChanges: false,
      diffSizeMax: null,
      restrict: null,
      tags: '',
      recursionLevel: 256,
      followsLink: false,
      ...over,
    }
  }

  config(over: Partial<FimConfig> = {}): FimConfig {
    return {
      disabled: false,
      frequencyS: 43_200,
      scanMinute: null,
      scanDay: null,
      scansOnStart: true,
      directories: [this.watched()],
      ignore: { prefixes: [], patterns: [] },
      nodiff: { prefixes: [], patterns: [] },
      skipsNfs: true,
      skipsDev: true,
      skipsProc: true,
      skipsSys: true,
      epsMax: 0,
      filesPerSecondMax: 0,
      niceness: 10,
      fileLimit: 100_000,
      diffQuota: 1024 ** 3,
      diffSizeMax: 50 * 1024 ** 2,
      hashSizeMax: 1024 ** 3,
      realtimeDelayMs: 5,
      linkCheckS: 600,
      alertsAfterRestart: true,
      isInMemory: false,
      prefilter: [],
      allowsSharedPrefilter: false,
      sync: { isOn: false, intervalS: 300, intervalMaxS: 3600, responseTimeoutS: 30, queueSize: 100, epsMax: 0 },
      whodata: { keys: [], restartsAudit: false, healthcheck: false, queueSize: 16_384, rulesMax: 256 },
      ...over,
    }
  }

  open(
    over: Partial<FimConfig> = {},
    baselineFile = join(this.state, 'fim.db'),
  ): FileIntegrity & { close(): Promise<void> } {
    const config = this.config(over)
    const baseline = new Baseline(baselineFile)
    const fim = new FileIntegrity({
      config,
      baseline,
      contents: new Contents({ dir: join(this.state, 'diff'), quota: config.diffQuota }, true),
      names: new Names(),
      send: async (queue, location, message) => {
        if (this.failure !== null) throw this.failure
        this.sent.push({ queue, location, message: message.toString() })
      },
      tell: (_level, message) => this.told.push(message),
      now: () => 1_700_000_000,
      ownPaths: [this.state],
    })
    const close = async (): Promise<void> => {
      await fim.stop()
      baseline.close()
    }
    return Object.assign(fim, { close })
  }

  /** Change events sent so far, which are then forgotten. */
  takeEvents(): FimEvent[] {
    const events = this.peekEvents()
    this.sent.length = 0
    return events
  }

  /** Change events sent so far. */
  peekEvents(): FimEvent[] {
    return this.sent.flatMap(({ queue, message }) => {
      const parsed = queue === '8' ? JSON.parse(message) : {}
      return parsed.type === 'event' ? [parsed.data] : []
    })
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
