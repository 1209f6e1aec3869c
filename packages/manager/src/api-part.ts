/** The API as the manager runs it: its parts from what the manager has, listening on its port. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type Api, type ApiParts, createApi, type Tls } from '@dogwatch/api'
import { openState, type State } from '@dogwatch/store'
import { explainListenError } from './port-holder.ts'

export interface ApiPart {
  readonly port: number
  readonly firstPassword: Api['firstPassword']
  setTls(tls: Tls): void
  rulesetChanged(): void
  close(): Promise<void>
}

export interface ApiPartOptions {
  readonly home: string
  readonly bind: string
  readonly port: number
  readonly tls: Tls
  readonly version: string
  readonly status: ApiParts['manager']['status']
  readonly counters: ApiParts['manager']['counters']
  readonly details: NonNullable<ApiParts['manager']['details']>
  readonly parts: Omit<ApiParts, 'state' | 'manager' | 'now'>
}

/** Where the build of the dashboard leaves the page; scripts/bootstrap.cjs builds it. */
const pageFolder = join(import.meta.dirname, '../../dashboard/dist')

/** Opens the state and listens. */
export async function startApi({
  home,
  bind,
  port,
  tls,
  version,
  status,
  counters,
  details,
  parts,
}: ApiPartOptions): Promise<ApiPart> {
  const state = openState(join(home, 'queue/state.db'))
  try {
    const manager = { home, version, uuid: uuidOf(state), status, counters, details }
    const api = await createApi({ tls, pageFolder, parts: { ...parts, state, manager, now: Date.now } })
    const listened = await api.listen(bind, port).catch(async (error: unknown) => {
      await api.close()
      throw explainListenError(error, port, 'the API', '--port-api')
    })
    return {
      port: listened,
      firstPassword: api.firstPassword,
      setTls: (next) => api.setTls(next),
      rulesetChanged: () => api.rulesetChanged(),
      async close() {
        await api.close()
        state.close()
      },
    }
  } catch (error) {
    state.close()
    throw error
  }
}

/** Of this installation, made once. */
function uuidOf(state: State): string {
  const known = state.setting('uuid')
  if (known !== null) return known
  const made = randomUUID()
  state.putSetting('uuid', made)
  return made
}
