/** Rules, decoders and lists to read, and trying events (spec: api, endpoints 57 to 60). Files are those in use, found by their names among them, so that no path leads elsewhere. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Type } from 'typebox'
import { answerSchema, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import { type ListQuery, listPage, memberAt } from './list-filter.ts'
import { demand, visible } from './narrow.ts'
import type { ApiParts } from './parts.ts'
import type { RulesetDesk } from './ruleset-desk.ts'
import type { RuleItem } from './ruleset-facts.ts'
import { type FileKind, fileNamePatterns, openRulesetWriting, uploadLengthMax } from './ruleset-writing.ts'
import type { ApiServer } from './server.ts'

const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const short = (description: string) => Type.Optional(Type.String({ maxLength: 200, description }))

export function rulesetRoutes(
  server: ApiServer,
  { parts, desk }: { readonly parts: ApiParts; readonly desk: RulesetDesk },
): void {
  server.get(
    '/rules',
    {
      schema: {
        tags: ['rules'],
        security,
        response,
        summary: 'Rules in use',
        querystring: Type.Object({
          ...pagingQuery,
          rule_ids: short('Ids, with commas'),
          group: short('A group'),
          level: Type.Optional(
            Type.String({ pattern: '^\\d{1,2}(-\\d{1,2})?$', description: 'A level, or a range as 4-8' }),
          ),
          filename: short('A file'),
          status: Type.Optional(Type.Union([Type.Literal('enabled'), Type.Literal('disabled'), Type.Literal('all')])),
          pci_dss: short('A requirement'),
          gdpr: short('A requirement'),
          gpg13: short('A requirement'),
          hipaa: short('A requirement'),
          'nist-800-53': short('A requirement'),
          tsc: short('A requirement'),
          mitre: short('A technique'),
        }),
      },
      config: { permission: 'rules:read', isNarrowed: true },
    },
    async (request) => {
      const { query } = request
      const found = visible(request, await desk.rules(), namesOf('rules')).filter(ruleTest(query))
      return listAnswer(found, query, 'All selected rules were returned')
    },
  )

  server.get(
    '/rules/groups',
    {
      schema: {
        tags: ['rules'],
        security,
        response,
        summary: 'Groups of rules',
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'rules:read', isNarrowed: true },
    },
    async (request) => {
      const groups = visible(request, await desk.rules(), namesOf('rules')).flatMap((rule) => rule.groups)
      return namesAnswer(groups, request.query, 'All groups in rules were returned')
    },
  )

  server.get(
    '/rules/requirement/:requirement',
    {
      schema: {
        tags: ['rules'],
        security,
        response,
        summary: 'Requirements of a standard, or techniques, that rules name',
        params: Type.Object({
          requirement: Type.Union(
            ['pci_dss', 'gdpr', 'gpg13', 'hipaa', 'nist-800-53', 'nist_800_53', 'tsc', 'mitre'].map((name) =>
              Type.Literal(name),
            ),
          ),
        }),
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'rules:read', isNarrowed: true },
    },
    async (request) => {
      const { params, query } = request
      // Rules spell it with underscores, the paths of Wazuh's API with hyphens.
      const wanted = params.requirement === 'nist_800_53' ? 'nist-800-53' : params.requirement
      const standard = standards.find((name) => name === wanted)
      if (standard === undefined) throw new ApiError(400, `${wanted} is no standard that rules name`, 1104)
      const names = visible(request, await desk.rules(), namesOf('rules')).flatMap((rule) => rule[standard])
      return namesAnswer(names, query, 'Selected rules were returned')
    },
  )

  server.get(
    '/decoders',
    {
      schema: {
        tags: ['decoders'],
        security,
        response,
        summary: 'Decoders in use',
        querystring: Type.Object({
          ...pagingQuery,
          decoder_names: short('Names, with commas'),
          filename: short('A file'),
        }),
      },
      config: { permission: 'decoders:read', isNarrowed: true },
    },
    async (request) => {
      const { query } = request
      const names = query.decoder_names?.split(',')
      const found = visible(request, await desk.decoders(), namesOf('decoders')).filter(
        ({ name, filename }) =>
          (names === undefined || names.includes(name)) &&
          (query.filename === undefined || query.filename === filename),
      )
      return listAnswer(found, query, 'All selected decoders were returned')
    },
  )

  server.get(
    '/decoders/parents',
    {
      schema: {
        tags: ['decoders'],
        security,
        response,
        summary: 'Decoders that have no parent',
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'decoders:read', isNarrowed: true },
    },
    async (request) => {
      const { query } = request
      const all = visible(request, await desk.decoders(), namesOf('decoders'))
      const found = all.filter(({ details }) => !Object.hasOwn(details, 'parent'))
      return listAnswer(found, query, 'All selected decoders were returned')
    },
  )

  const writing = openRulesetWriting(parts, desk)
  server.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer', bodyLimit: uploadLengthMax },
    (_request, body, done) => done(null, body),
  )
  const kinds = [
    {
      name: 'rules',
      permission: 'rules:read',
      update: 'rules:update',
      remove: 'rules:delete',
      paths: () => parts.rulesetFiles().rules,
    },
    {
      name: 'decoders',
      permission: 'decoders:read',
      update: 'decoders:update',
      remove: 'decoders:delete',
      paths: () => parts.rulesetFiles().decoders,
    },
    {
      name: 'lists',
      permission: 'lists:read',
      update: 'lists:update',
      remove: 'lists:delete',
      paths: () => parts.rulesetFiles().lists.map(({ path }) => path),
    },
  ] as const
  for (const { name, permission, update, remove, paths } of kinds) {
    const params = Type.Object({ filename: Type.String({ pattern: fileNamePatterns[name] }) })
    server.get(
      `/${name}/files`,
      {
        schema: { tags: [name], security, response, summary: 'Files in use', querystring: Type.Object(pagingQuery) },
        config: { permission, isNarrowed: true },
      },
      (request) => {
        const files = visible(request, paths().map(fileItem), namesOf(name))
        return listAnswer(files, request.query, 'All files were returned')
      },
    )
    server.get(
      `/${name}/files/:filename`,
      {
        schema: {
          tags: [name],
          security,
          response: { 200: Type.Unknown() },
          summary: 'The text of a file',
          params: Type.Object({ filename: Type.String({ maxLength: 255 }) }),
          querystring: Type.Object({ ...commonQuery, raw: Type.Optional(Type.Boolean()) }),
        },
        config: { permission, isNarrowed: true },
      },
      async (request, reply) => {
        demand(request, namesOf(name)(request.params))
        const path = paths().find((each) => basename(each) === request.params.filename)
        if (path === undefined) throw new ApiError(404, `no file of that name is in use`, 1415)
        const text = await readFile(path, 'utf8')
        if (request.query.raw === true) return reply.type('text/plain; charset=utf-8').send(text)
        return reply.send(itemsAnswer([{ ...fileItem(path), content: text }], 'The file was read'))
      },
    )
    server.put(
      `/${name}/files/:filename`,
      {
        schema: {
          tags: [name],
          security,
          response,
          summary: 'Write a file of one’s own, checked with all others before; the ruleset is loaded anew',
          consumes: ['application/octet-stream'],
          params,
          querystring: Type.Object({ ...commonQuery, overwrite: Type.Optional(Type.Boolean({ default: false })) }),
        },
        bodyLimit: uploadLengthMax,
        config: { permission: update, isNarrowed: true },
      },
      async (request) => {
        const { filename } = request.params
        const { overwrite = false } = request.query
        const { body } = request
        demand(request, namesOf(name)(request.params))
        if (!Buffer.isBuffer(body) || body.length === 0) {
          throw new ApiError(406, 'send the text of the file as application/octet-stream', 6002)
        }
        const problems = await writing.put(name, filename, body, overwrite)
        return { ...itemsAnswer([`etc/${name}/${filename}`], 'File was successfully updated'), problems }
      },
    )
    server.delete(
      `/${name}/files/:filename`,
      {
        schema: {
          tags: [name],
          security,
          response,
          summary: 'Remove a file of one’s own',
          params,
          querystring: Type.Object(commonQuery),
        },
        config: { permission: remove, isNarrowed: true },
      },
      async (request) => {
        const { filename } = request.params
        demand(request, namesOf(name)(request.params))
        await writing.remove(name, filename)
        return itemsAnswer([`etc/${name}/${filename}`], 'File was successfully deleted')
      },
    )
  }

  server.get(
    '/lists',
    {
      schema: {
        tags: ['lists'],
        security,
        response,
        summary: 'Lists with their entries',
        querystring: Type.Object({ ...pagingQuery, filename: short('A file') }),
      },
      config: { permission: 'lists:read', isNarrowed: true },
    },
    async (request) => {
      const { query } = request
      const wanted = visible(request, parts.rulesetFiles().lists, ({ path }) => [`list:file:${basename(path)}`]).filter(
        ({ path }) => query.filename === undefined || basename(path) === query.filename,
      )
      const items = await Promise.all(
        wanted.map(async ({ path }) => ({ ...fileItem(path), items: entriesOf(await readFile(path, 'utf8')) })),
      )
      return listAnswer(items, query, 'All specified lists were returned')
    },
  )

  server.put(
    '/logtest',
    {
      schema: {
        tags: ['logtest'],
        security,
        response,
        summary: 'What becomes of an event; a session remembers what came before',
        querystring: Type.Object(commonQuery),
        body: Type.Object(
          {
            token: Type.Optional(Type.String({ pattern: '^[0-9a-f]{8}$' })),
            log_format: Type.Optional(Type.String({ maxLength: 64 })),
            location: Type.Optional(Type.String({ maxLength: 1024 })),
            event: Type.Union([
              Type.String({ minLength: 1, maxLength: eventLengthMax }),
              Type.Record(Type.String(), Type.Unknown(), { minProperties: 1 }),
            ]),
            options: Type.Optional(Type.Object({ rules_debug: Type.Optional(Type.Boolean()) })),
          },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'logtest:run', isQuiet: true },
    },
    async ({ body }) => {
      const token = body.token ?? randomBytes(4).toString('hex')
      const timeMs = parts.now()
      const { isSessionNew, output, isAlert, rulesDebug } = await desk.tryEvent({
        token,
        isNew: body.token === undefined,
        event: typeof body.event === 'string' ? body.event : JSON.stringify(body.event),
        location: body.location ?? 'stdin',
        timeMs,
        isExplained: false,
        isDebugged: body.options?.rules_debug === true,
      })
      const messages = isSessionNew
        ? [`WARNING: (7003): '${token}' token expires`, `INFO: (7202): Session initialized with token '${token}'`]
        : body.token === undefined
          ? [`INFO: (7202): Session initialized with token '${token}'`]
          : []
      if (output === null) {
        messages.push('ERROR: the location is malformed: a `[` without `]`')
        return { error: 0, data: { messages, token, codemsg: -1 } }
      }
      return {
        error: 0,
        data: {
          messages,
          token,
          output: { ...output, timestamp: new Date(timeMs).toISOString() },
          ...(rulesDebug === null ? {} : { rules_debug: rulesDebug }),
          alert: isAlert,
          codemsg: isSessionNew ? 1 : 0,
        },
      }
    },
  )

  server.delete(
    '/logtest/sessions/:token',
    {
      schema: {
        tags: ['logtest'],
        security,
        response,
        summary: 'Forget a session',
        querystring: Type.Object(commonQuery),
        params: Type.Object({ token: Type.String({ pattern: '^[0-9a-f]{8}$' }) }),
      },
      config: { permission: 'logtest:run', isQuiet: true },
    },
    async ({ params: { token } }) => {
      if (!(await desk.endSession(token))) throw new ApiError(400, `there is no session ${token}`, 7001)
      return {
        error: 0,
        data: { messages: [`INFO: (7206): The session '${token}' was closed successfully`], codemsg: 0 },
      }
    },
  )
}

/** What policies call a file of a kind. */
function namesOf(kind: FileKind): (item: { readonly filename: string }) => readonly string[] {
  const singular = { rules: 'rule', decoders: 'decoder', lists: 'list' }[kind]
  return ({ filename }) => [`${singular}:file:${filename}`]
}

/** Longest event that is tried, in bytes; the same as one that comes in. */
const eventLengthMax = 1 << 20

const standards = ['pci_dss', 'gdpr', 'gpg13', 'hipaa', 'nist-800-53', 'tsc', 'mitre'] as const

/** A list of names, each once and in order; they are found and cut into pages like items that have but a name. */
function namesAnswer(names: readonly string[], query: ListQuery, message: string) {
  const items = [...new Set(names)].sort().map((name) => ({ name }))
  const { page, total } = listPage(items, query, 0)
  return itemsAnswer(
    page.map((item) => memberAt(item, 'name')),
    message,
    total,
  )
}

type RuleQuery = Readonly<Record<string, unknown>>

function ruleTest(query: RuleQuery): (rule: RuleItem) => boolean {
  const tests: ((rule: RuleItem) => boolean)[] = []
  const { rule_ids: ids, group, level, filename, status } = query
  if (typeof ids === 'string') {
    const wanted = new Set(ids.split(',').map(Number))
    tests.push(({ id }) => wanted.has(id))
  }
  if (typeof group === 'string') tests.push(({ groups }) => groups.includes(group))
  if (typeof level === 'string') {
    const [low = 0, high = low] = level.split('-').map(Number)
    tests.push((rule) => rule.level >= low && rule.level <= high)
  }
  if (typeof filename === 'string') tests.push((rule) => rule.filename === filename)
  if (status === 'disabled') tests.push(() => false)
  for (const name of standards) {
    const wanted = query[name]
    if (typeof wanted === 'string') tests.push((rule) => rule[name].includes(wanted))
  }
  return (rule) => tests.every((test) => test(rule))
}

function fileItem(path: string) {
  const folder = dirname(path)
  return {
    filename: basename(path),
    relative_dirname: `${basename(dirname(folder))}/${basename(folder)}`,
    status: 'enabled',
  }
}

/** Entries of a list: `key: value` a line; keys with a colon are quoted. */
function entriesOf(text: string): { readonly key: string; readonly value: string }[] {
  return text
    .split('\n')
    .map((line) => /^\s*(?:"([^"]*)"|([^:#"]+))\s*(?::(.*))?$/.exec(line))
    .flatMap((found) =>
      found === null ? [] : [{ key: (found[1] ?? found[2] ?? '').trim(), value: (found[3] ?? '').trim() }],
    )
    .filter(({ key }) => key !== '')
}
