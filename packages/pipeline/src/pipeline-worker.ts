/** The pipeline thread of the manager: a Conductor behind a message port. */
import { parentPort, workerData } from 'node:worker_threads'
import { Conductor } from './conductor.ts'
import { RulesetRefused } from './match-pool.ts'
import type { ConductorOptions, FromConductor, ToConductor } from './pipeline-protocol.ts'

const port = parentPort
if (port === null) throw new Error('pipeline-worker runs as a worker thread only')
const tell = (message: FromConductor): void => port.postMessage(message)
const options: ConductorOptions = workerData

try {
  const conductor = await Conductor.start(options, tell)
  port.on('message', (message: ToConductor) => {
    if (message.kind === 'refs') conductor.take(message.refs)
    else if (message.kind === 'agents') conductor.setAgents(message.agents)
    else if (message.kind === 'reload') reload(conductor, message.sources)
    else stop(conductor)
  })
} catch (error) {
  if (error instanceof RulesetRefused) tell({ kind: 'refused', problems: error.problems })
  else tell({ kind: 'failed', message: messageOf(error) })
}

function reload(conductor: Conductor, sources: ConductorOptions['sources']): void {
  conductor
    .reload(sources)
    .then((problems) => tell({ kind: 'reloaded', problems }))
    .catch((error: unknown) => tell({ kind: 'failed', message: messageOf(error) }))
}

function stop(conductor: Conductor): void {
  conductor
    .stop()
    .catch((error: unknown) => tell({ kind: 'failed', message: messageOf(error) }))
    .finally(() => {
      tell({ kind: 'stopped' })
      port?.close()
    })
}

/** Errors with a code are the system's and our own, which say what to do; of anything else the place is wanted. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? error.message : (error.stack ?? error.message)
}
