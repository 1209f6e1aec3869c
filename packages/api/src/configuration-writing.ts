/**
 * Replacing ossec.conf (spec: api, endpoint 5). In: the whole text. It is read as at a start before it is written; what was there before is kept beside it.
 * Wrong: a text with errors is refused with their places, and nothing changes.
 */
import { readFile } from 'node:fs/promises'
import { readConfiguration } from '@dogwatch/config'
import { Type } from 'typebox'
import { answerSchema, commonQuery, itemsAnswer } from './envelope.ts'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import { replaceFile } from './ruleset-writing.ts'
import type { ApiServer } from './server.ts'

/** Bytes of a configuration. */
const lengthMax = 1 << 20
/** Ends the name of the copy of what was there before. */
const backupEnd = '.before'

export function configurationWriting(
  server: ApiServer,
  { parts, path }: { readonly parts: ApiParts; readonly path: string },
): void {
  server.put(
    '/manager/configuration',
    {
      schema: {
        tags: ['manager'],
        security: [{ jwt: [] }],
        response: { 200: answerSchema },
        summary: 'Replace ossec.conf, examined before; it counts from the next start of the manager',
        consumes: ['application/octet-stream'],
        querystring: Type.Object(commonQuery),
      },
      bodyLimit: lengthMax,
      config: { permission: 'manager:update_config' },
    },
    async ({ body }) => {
      if (!Buffer.isBuffer(body) || body.length === 0) {
        throw new ApiError(406, 'send the text of ossec.conf as application/octet-stream', 6002)
      }
      const { configuration, problems } = readConfiguration(path, body.toString('latin1'))
      if (configuration === null) {
        throw new ApiError(400, 'ossec.conf would have errors; nothing was changed', 1908, {
          problems: problems.slice(0, 100),
        })
      }
      const before = await readFile(path).catch(() => null) // none yet: nothing to keep
      if (before !== null) replaceFile(`${path}${backupEnd}`, before)
      replaceFile(path, body)
      return {
        ...itemsAnswer(
          [parts.managerName],
          'Configuration was successfully updated; start the manager again to use it',
        ),
        problems: problems.slice(0, 100),
      }
    },
  )
}
