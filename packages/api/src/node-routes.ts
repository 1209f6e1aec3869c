/**
 * The manager as a node (spec: api, part 5, manager and cluster): one manager is a whole, so the cluster is off, and what asks about its nodes is told so
 * with Wazuh's code. In: the manager's facts. Out: what the API itself is set to, counters by daemon, and the node that there is.
 */
import { Type } from 'typebox'
import { answerSchema, apiTime, commonQuery, itemsAnswer } from './envelope.ts'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import { requestsPerMinute } from './rates.ts'
import { readSecuritySettings } from './security-settings.ts'
import type { ApiServer } from './server.ts'

export function nodeRoutes(server: ApiServer, parts: ApiParts): void {
  const route = (tag: 'manager' | 'cluster', summary: string) => ({
    schema: {
      tags: [tag],
      security: [{ jwt: [] }],
      response: { 200: answerSchema },
      querystring: Type.Object(commonQuery),
      summary,
    },
    config: { permission: `${tag}:read` as const },
  })
  const name = parts.managerName

  server.get('/manager/api/config', route('manager', 'What the API is set to'), () => {
    const config = {
      https: { enabled: 'yes' },
      cors: { enabled: 'no' },
      access: { max_request_per_minute: requestsPerMinute },
      auth_token_exp_timeout: readSecuritySettings(parts.state).tokenSeconds,
    }
    return itemsAnswer([{ node_name: name, node_api_config: config }], 'API configuration was successfully read')
  })

  server.get('/manager/daemons/stats', route('manager', 'Counters by daemon'), () => {
    const time = apiTime(parts.now())
    const { records, events, alerts, drops, lagRecords } = parts.manager.counters()
    const analysis = { records, events, alerts, drops, queue_records: lagRecords }
    const channel = parts.manager.details?.().channel ?? null
    const daemons = [
      { name: 'wazuh-analysisd', timestamp: time, metrics: analysis },
      ...(channel === null ? [] : [{ name: 'wazuh-remoted', timestamp: time, metrics: channel }]),
    ]
    return itemsAnswer(daemons, 'Statistical information for each daemon was successfully read')
  })

  server.get('/cluster/local/info', route('cluster', 'The node that answers'), () =>
    itemsAnswer(
      [{ node: name, cluster: 'wazuh', type: 'master', uuid: parts.manager.uuid }],
      'All selected information was returned',
    ),
  )

  const ofNodes = [
    ['/cluster/nodes', 'Nodes of the cluster'],
    ['/cluster/healthcheck', 'How the nodes of the cluster are'],
    ['/cluster/ruleset/synchronization', 'Whether the nodes have the same ruleset'],
  ] as const
  for (const [path, summary] of ofNodes) {
    server.get(path, route('cluster', summary), () => {
      throw new ApiError(400, 'this manager stands alone: there is no cluster', 3013)
    })
  }
}
