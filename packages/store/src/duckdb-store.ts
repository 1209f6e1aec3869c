/**
 * The Store on DuckDB, inside one process (spec: stack, part 3). A day of an index is a table; a sealed day is a Parquet file behind a view of the same
 * name. Only one instance may have the file open, in one thread of one process: DuckDB itself refuses a second process, but not a second thread.
 *
 * In: documents and questions. Out: see contract.ts. Wrong: StoreError; anything else thrown is a bug.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseQuery } from '@dogwatch/query'
import {
  BIGINT,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  VARCHAR,
} from '@duckdb/node-api'
import { type ColumnType, columns, isObject, parseObject, rowValuesOf } from './columns.ts'
import {
  type Appended,
  appendCountMax,
  type Bucket,
  bucketCountMax,
  type CombinationsAnswer,
  type CombinationsRequest,
  combinationFieldsMax,
  type Document,
  type FieldFacts,
  type Found,
  type HistogramRequest,
  type IndexName,
  type Mark,
  type Neighbourhood,
  offsetMax,
  type PartitionFacts,
  type Place,
  pageCountMax,
  type Retained,
  type Retention,
  type SearchAnswer,
  type SearchRequest,
  type Selection,
  type Sorting,
  type Store,
  type StoreFigures,
  sortFields,
  type TermsAnswer,
  type TermsRequest,
  type TimeRange,
  termsCountMax,
} from './contract.ts'
import { StoreError } from './error.ts'
import { dayMs, dayOf, dayStart, isDayWithin, partitionOf, sealedName, tableName } from './partitions.ts'
import { conditionOf, identifier, literal, Parameters, valuesOf } from './sql.ts'

export interface DuckDbOptions {
  /** The store's folder; made when it is not there. */
  readonly folder: string
  /** For the engine's buffers, in bytes; the process needs about 200 MB more. */
  readonly memoryMax: number
  readonly threads: number
  /** Longest time of one search, in milliseconds. */
  readonly searchMsMax: number
}

/** Version of the tables; another one is refused. */
const formatVersion = '1'
/** Searches at once, and waiting behind them. */
const searchesAtOnce = 4
const searchesWaitingMax = 64
const interruptMs = 20
/** The newest documents that are looked at for names of fields. */
const fieldSampleCount = 500
const fieldsMax = 2000
/** How far from an event its neighbours are looked for. */
const neighbourMs = dayMs

const everything: TimeRange = { fromMs: 0, toMs: 8_640_000_000_000_000 }

interface Partition {
  readonly index: IndexName
  readonly day: string
  isSealed: boolean
  documents: number
  newestMs: number
}

const typeNames: Readonly<Record<ColumnType, string>> = { text: 'VARCHAR', list: 'VARCHAR[]', number: 'DOUBLE' }
const types: Readonly<Record<ColumnType, DuckDBType>> = { text: VARCHAR, list: LIST(VARCHAR), number: DOUBLE }

const tableColumns = [
  'id VARCHAR',
  'time BIGINT',
  'sequence BIGINT',
  ...columns.map(({ field, type }) => `${identifier(field)} ${typeNames[type]}`),
  'search_text VARCHAR',
  'json VARCHAR',
].join(', ')
const chunkTypes = [VARCHAR, BIGINT, BIGINT, ...columns.map(({ type }) => types[type]), VARCHAR, VARCHAR]

/** Opens the store of a folder. Throws STORE_CANNOT_OPEN. */
export async function openDuckDbStore(options: DuckDbOptions): Promise<Store> {
  mkdirSync(join(options.folder, 'sealed'), { recursive: true, mode: 0o700 })
  const file = join(options.folder, 'dogwatch.duckdb')
  let instance: DuckDBInstance | null = null
  try {
    instance = await DuckDBInstance.create(file, {
      memory_limit: `${Math.floor(options.memoryMax / 1e6)}MB`,
      threads: String(options.threads),
      checkpoint_threshold: '64MB',
      temp_directory: join(options.folder, 'tmp'),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      preserve_insertion_order: 'false',
    })
    return await DuckDbStore.open(instance, options)
  } catch (error) {
    instance?.closeSync()
    if (error instanceof StoreError) throw error
    const said = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new StoreError('STORE_CANNOT_OPEN', `${file}: ${said}`, { cause: error })
  }
}

type Row = readonly unknown[]

class DuckDbStore implements Store {
  readonly #instance: DuckDBInstance
  readonly #options: DuckDbOptions
  readonly #writer: DuckDBConnection
  readonly #partitions = new Map<string, Partition>()
  /** Writing happens one after the other. */
  #lastWrite: Promise<unknown> = Promise.resolve()
  #searching = 0
  /** Searches that wait for the memory of all others, or have it. */
  #hungry = 0
  #lastAlone: Promise<unknown> = Promise.resolve()
  readonly #whenDrained: (() => void)[] = []
  /** Of those that want one thread only. */
  #onOne = 0
  readonly #waiting: (() => void)[] = []

  static async open(instance: DuckDBInstance, options: DuckDbOptions): Promise<DuckDbStore> {
    const store = new DuckDbStore(instance, options, await instance.connect())
    await store.#prepare()
    return store
  }

  private constructor(instance: DuckDBInstance, options: DuckDbOptions, writer: DuckDBConnection) {
    this.#instance = instance
    this.#options = options
    this.#writer = writer
  }

  async #prepare(): Promise<void> {
    const run = (sql: string) => this.#writer.run(sql)
    await run('CREATE TABLE IF NOT EXISTS meta (name VARCHAR PRIMARY KEY, value VARCHAR)')
    const known = await this.#meta('format')
    if (known === null) await this.#putMeta({ name: 'format', value: formatVersion })
    else if (known !== formatVersion) {
      const message = `the store has format ${known}, this version reads ${formatVersion}; export it with the version that wrote it`
      throw new StoreError('STORE_CANNOT_OPEN', message)
    }
    // One look into the document for what is one value, as nearly all are; each look at 2048 documents takes four times their length of memory.
    await run(`CREATE OR REPLACE MACRO field_texts(j, p) AS list_transform([json_extract_string(j, p)], lambda v:
      CASE WHEN v IS NULL THEN CAST([] AS VARCHAR[])
      WHEN starts_with(v, '[') AND json_type(j, p) = 'ARRAY' THEN CAST(json_extract(j, p) AS VARCHAR[])
      ELSE [v] END)[1]`)
    const tables = await this.#rows(`SELECT table_name FROM duckdb_tables() WHERE NOT internal`)
    for (const [name] of tables) {
      const partition = partitionOf(String(name))
      if (partition !== null) await this.#know(partition.index, partition.day, false)
    }
    for (const name of readdirSync(this.#sealedFolder)) {
      if (name.endsWith('.tmp')) rmSync(join(this.#sealedFolder, name), { force: true })
      const partition = partitionOf(name)
      if (partition === null) continue
      // A kill between writing the file and dropping the table leaves both: the table goes on.
      if (this.#partitions.has(tableName(partition.index, partition.day))) rmSync(join(this.#sealedFolder, name))
      else await this.#showSealed(partition.index, partition.day)
    }
  }

  get #sealedFolder(): string {
    return join(this.#options.folder, 'sealed')
  }

  async #know(index: IndexName, day: string, isSealed: boolean): Promise<void> {
    const name = tableName(index, day)
    const [row] = await this.#rows(`SELECT count(*), max(time) FROM ${name}`)
    this.#partitions.set(name, { index, day, isSealed, documents: Number(row?.[0]), newestMs: Number(row?.[1] ?? 0) })
  }

  async #showSealed(index: IndexName, day: string): Promise<void> {
    const path = join(this.#sealedFolder, sealedName(index, day))
    await this.#writer.run(
      `CREATE OR REPLACE VIEW ${tableName(index, day)} AS SELECT * FROM read_parquet(${literal(path)})`,
    )
    await this.#know(index, day, true)
  }

  append(index: IndexName, documents: readonly Document[], mark?: Mark): Promise<Appended> {
    return this.#write(() => this.#append(index, documents, mark))
  }

  async #append(index: IndexName, documents: readonly Document[], mark: Mark | undefined): Promise<Appended> {
    checkNumber('documents', documents.length, 0, appendCountMax)
    const byDay = Map.groupBy(documents, ({ id, timeMs }) => {
      if (id === '' || !Number.isSafeInteger(timeMs) || timeMs < 0 || timeMs > everything.toMs) {
        throw new StoreError('STORE_BAD_DOCUMENT', `the document ${id || 'without an id'} has no usable time`)
      }
      return dayOf(timeMs)
    })
    for (const day of byDay.keys()) await this.#makeWritable(index, day)
    let stored = 0
    await this.#writer.run('BEGIN')
    try {
      const grown: (readonly [Partition, readonly Document[]])[] = []
      for (const [day, ofDay] of byDay) {
        const partition = this.#partitions.get(tableName(index, day))
        if (partition === undefined) throw new Error(`${index} of ${day} has no table`)
        const fresh = await this.#unknown(partition, ofDay)
        if (fresh.length === 0) continue
        await this.#appendRows(tableName(index, day), fresh)
        stored += fresh.length
        grown.push([partition, fresh])
      }
      if (mark !== undefined) await this.#putMeta(mark)
      await this.#writer.run('COMMIT')
      for (const [partition, fresh] of grown) {
        partition.documents += fresh.length
        partition.newestMs = fresh.reduce((newest, { timeMs }) => Math.max(newest, timeMs), partition.newestMs)
      }
    } catch (error) {
      await this.#writer.run('ROLLBACK').catch(() => {}) // the first error is the one to tell
      throw error
    }
    return { stored, duplicates: documents.length - stored }
  }

  /** Makes the day's table, or brings a sealed day back. */
  async #makeWritable(index: IndexName, day: string): Promise<void> {
    const name = tableName(index, day)
    const known = this.#partitions.get(name)
    if (known !== undefined && !known.isSealed) return
    if (known === undefined) {
      await this.#writer.run(`CREATE TABLE ${name} (${tableColumns})`)
      this.#partitions.set(name, { index, day, isSealed: false, documents: 0, newestMs: 0 })
      return
    }
    await this.#writer.run('BEGIN')
    await this.#writer.run(`CREATE TEMP TABLE unsealing AS SELECT * FROM ${name}`)
    await this.#writer.run(`DROP VIEW ${name}`)
    await this.#writer.run(`CREATE TABLE ${name} (${tableColumns})`)
    await this.#writer.run(`INSERT INTO ${name} SELECT * FROM unsealing`)
    await this.#writer.run('DROP TABLE unsealing')
    await this.#writer.run('COMMIT')
    rmSync(join(this.#sealedFolder, sealedName(index, day)), { force: true })
    known.isSealed = false
  }

  async #unknown(partition: Partition, documents: readonly Document[]): Promise<readonly Document[]> {
    const first = new Map<string, Document>()
    let [oldest, newest] = [Number.MAX_SAFE_INTEGER, 0]
    for (const document of documents) {
      if (!first.has(document.id)) first.set(document.id, document)
      oldest = Math.min(oldest, document.timeMs)
      newest = Math.max(newest, document.timeMs)
    }
    if (partition.documents > 0 && oldest <= partition.newestMs) {
      // What is asked for again was written with the same time; so the range narrows the search to few row groups.
      const parameters = new Parameters()
      const range = `time >= ${parameters.addWhole(oldest)} AND time <= ${parameters.addWhole(newest)}`
      const name = tableName(partition.index, partition.day)
      const sql = `SELECT id FROM ${name} WHERE ${range} AND id IN (SELECT unnest($ids))`
      const reader = await this.#writer.runAndReadAll(
        sql,
        { ...parameters.values, ids: listValue([...first.keys()]) },
        { ...parameters.types, ids: LIST(VARCHAR) },
      )
      for (const [id] of reader.getRows()) first.delete(String(id))
    }
    return [...first.values()]
  }

  async #appendRows(table: string, documents: readonly Document[]): Promise<void> {
    const values: DuckDBValue[][] = chunkTypes.map(() => [])
    for (const { id, timeMs, text } of documents) {
      const row = rowValuesOf(id, text)
      if (row === null) throw new StoreError('STORE_BAD_DOCUMENT', `the document ${id} is no JSON object`)
      const cells: DuckDBValue[] = [
        id,
        BigInt(timeMs),
        BigInt(row.sequence),
        ...row.columns.map((value) => (Array.isArray(value) ? listValue([...value]) : plainValue(value))),
        row.searchText,
        text,
      ]
      for (const [n, cell] of cells.entries()) values[n]?.push(cell)
    }
    const chunk = DuckDBDataChunk.create(chunkTypes, documents.length)
    chunk.setColumns(values)
    const appender = await this.#writer.createAppender(table)
    try {
      appender.appendDataChunk(chunk)
      appender.flushSync()
    } finally {
      appender.closeSync()
    }
  }

  mark(name: string): Promise<string | null> {
    return this.#meta(`mark:${name}`)
  }

  async #meta(name: string): Promise<string | null> {
    const reader = await this.#writer.runAndReadAll('SELECT value FROM meta WHERE name = $name', { name })
    const value = reader.getRows()[0]?.[0]
    return typeof value === 'string' ? value : null
  }

  async #putMeta({ name, value }: Mark): Promise<void> {
    const key = name === 'format' ? name : `mark:${name}`
    await this.#writer.run('INSERT OR REPLACE INTO meta VALUES ($key, $value)', { key, value })
  }

  async search(request: SearchRequest): Promise<SearchAnswer> {
    const { limit, offset = 0, order, after, sort } = request
    checkNumber('limit', limit, 0, pageCountMax)
    checkNumber('offset', offset, 0, offsetMax)
    const parameters = new Parameters()
    const source = this.#from(request, parameters)
    if (source === null) return { total: 0, documents: [] }
    return this.#searchTurn(async (connection) => {
      if (limit === 0) {
        const [row] = await read(connection, `SELECT count(*) FROM ${source}`, parameters)
        return { total: Number(row?.[0] ?? 0), documents: [] }
      }
      if (sort !== undefined) return this.#sorted(connection, request, sort)
      // First the total and the page's places, from narrow columns; then the documents of that little range of time.
      const direction = order === 'newest' ? 'DESC' : 'ASC'
      const behind = order === 'newest' ? '<' : '>'
      const ordered = `ORDER BY time ${direction}, sequence ${direction}`
      let total: number
      let places: readonly Row[]
      if (looksIntoTexts.test(source)) {
        // Looked for once: what matches is kept, which is little where texts must hold something.
        const start = after === undefined ? '' : `WHERE ${besidePlace(after, behind, parameters)}`
        places = await read(
          connection,
          `WITH matching AS MATERIALIZED (SELECT time, sequence FROM ${source})
          SELECT (SELECT count(*) FROM matching), page.time, page.sequence FROM (SELECT 1)
            LEFT JOIN (SELECT time, sequence FROM matching ${start} ${ordered} LIMIT ${limit} OFFSET ${offset}) AS page ON TRUE ${ordered}`,
          parameters,
        )
        total = Number(places[0]?.[0] ?? 0)
      } else {
        // Counting columns, and the first of an order, are quick; keeping millions of places is not.
        const [counted] = await read(connection, `SELECT count(*) FROM ${source}`, parameters)
        total = Number(counted?.[0] ?? 0)
        const page = new Parameters()
        const from = this.#from(request, page) ?? ''
        const start = after === undefined ? '' : `WHERE ${besidePlace(after, behind, page)}`
        places = await read(
          connection,
          `SELECT NULL, time, sequence FROM (SELECT time, sequence FROM ${from}) ${start} ${ordered} LIMIT ${limit} OFFSET ${offset}`,
          page,
        )
      }
      const [first, last] = [placeOf(places[0]), placeOf(places.at(-1))]
      if (first === null || last === null) return { total, documents: [] }
      const range = { fromMs: Math.min(first.timeMs, last.timeMs), toMs: Math.max(first.timeMs, last.timeMs) + 1 }
      const paged = new Parameters()
      const narrow = this.#from({ ...request, range }, paged) ?? ''
      const isOnPage = `NOT ${besidePlace(last, behind, paged)} AND NOT ${besidePlace(first, order === 'newest' ? '>' : '<', paged)}`
      const rows = await read(
        connection,
        `SELECT id, time, sequence, json FROM ${narrow} WHERE ${isOnPage} ${ordered} LIMIT ${places.length}`,
        paged,
      )
      return { total, documents: rows.map(foundOf) }
    })
  }

  /** The places of the page first, from narrow columns, as of a page by time; they lie apart, so each is looked for by its time. */
  async #sorted(connection: DuckDBConnection, request: SearchRequest, sort: Sorting): Promise<SearchAnswer> {
    const { limit, offset = 0, order, after } = request
    if (after !== undefined)
      throw new StoreError('STORE_BAD_REQUEST', 'pages of what is sorted are turned by offset, not by after')
    if (!sortFields.includes(sort.field))
      throw new StoreError('STORE_BAD_REQUEST', `${sort.field} is not sorted by; ${sortFields.join(', ')} are`)
    const column = identifier(sort.field)
    const direction = sort.isDescending ? 'DESC' : 'ASC'
    const isNumbered = sort.field.endsWith('.id')
    const keys = [...(isNumbered ? [`TRY_CAST(${column} AS BIGINT)`] : []), column]
    const byTime = order === 'newest' ? 'DESC' : 'ASC'
    const parameters = new Parameters()
    const source = this.#from(request, parameters) ?? ''
    const [counted] = await read(connection, `SELECT count(*) FROM ${source}`, parameters)
    const total = Number(counted?.[0] ?? 0)
    const page = new Parameters()
    const places = await read(
      connection,
      `SELECT NULL, time, sequence FROM ${this.#from(request, page) ?? ''}
        ORDER BY ${keys.map((key) => `${key} ${direction} NULLS LAST`).join(', ')}, time ${byTime}, sequence ${byTime}
        LIMIT ${limit} OFFSET ${offset}`,
      page,
    )
    const wanted = places.flatMap((row) => placeOf(row) ?? [])
    if (wanted.length === 0) return { total, documents: [] }
    const times = [...new Set(wanted.map(({ timeMs }) => timeMs))]
    const sequences = new Set(wanted.map(({ sequence }) => sequence))
    const range = { fromMs: Math.min(...times), toMs: Math.max(...times) + 1 }
    const narrow = new Parameters()
    const from = this.#from({ ...request, range }, narrow) ?? ''
    // Whole numbers of our own, so that each row group is known by them not to be needed.
    const rows = await read(
      connection,
      `SELECT id, time, sequence, json FROM ${from} WHERE time IN (${times.join()}) AND sequence IN (${[...sequences].join()})`,
      narrow,
    )
    const byPlace = new Map(rows.map(foundOf).map((found) => [`${found.timeMs}.${found.sequence}`, found]))
    return { total, documents: wanted.flatMap((place) => byPlace.get(`${place.timeMs}.${place.sequence}`) ?? []) }
  }

  async histogram(request: HistogramRequest): Promise<readonly Bucket[]> {
    const { stepMs, offsetMs = 0, by, range } = request
    checkNumber('stepMs', stepMs, 1, everything.toMs)
    checkNumber('offsetMs', offsetMs, -dayMs, dayMs)
    const bounded = this.#bounded(request.index, range)
    if (bounded === null) return []
    checkNumber('buckets', Math.ceil((bounded.toMs - bounded.fromMs) / stepMs), 0, bucketCountMax + 1)
    if (by !== undefined) checkNumber('by.limit', by.limit, 1, 50)
    return this.#searchTurn(async (connection) => {
      const buckets = new Map<number, { fromMs: number; count: number; by: Record<string, number> }>()
      const bucketOf = (parameters: Parameters): string => {
        const step = parameters.addWhole(stepMs)
        const offset = parameters.addWhole(offsetMs)
        return `((time + ${offset}) // ${step}) * ${step} - ${offset}`
      }
      const count = (start: unknown, counted: unknown): void => {
        buckets.set(Number(start), { fromMs: Number(start), count: Number(counted), by: emptyTable() })
      }
      const split = new Parameters()
      const values = by === undefined ? null : valuesOf(by.field, split)
      // A document of several values, or none, is in several parts; then the documents are counted beside them.
      if (values === null || values.isList) {
        const parameters = new Parameters()
        const bucket = bucketOf(parameters)
        const source = this.#from(request, parameters) ?? ''
        const sql = `SELECT ${bucket} AS b, count(*) FROM ${source} GROUP BY b ORDER BY b`
        for (const [start, counted] of await read(connection, sql, parameters)) count(start, counted)
      }
      if (by === undefined || values === null) return [...buckets.values()]
      const bucket = bucketOf(split)
      const source = this.#from(request, split) ?? ''
      const value = values.isList ? `unnest(list_distinct(${values.sql}))` : values.sql
      const rows = await read(
        connection,
        `WITH split AS NOT MATERIALIZED (SELECT ${bucket} AS b, ${value} AS v FROM ${source}),
          counted AS MATERIALIZED (SELECT b, v, count(*) AS c FROM split GROUP BY b, v),
          top AS (SELECT v FROM counted WHERE v IS NOT NULL GROUP BY v ORDER BY sum(c) DESC, v LIMIT ${by.limit})
        SELECT b, v, c FROM counted WHERE v IN (SELECT v FROM top)
        UNION ALL SELECT b, NULL, sum(c) FROM counted GROUP BY b ORDER BY b, v NULLS FIRST`,
        split,
      )
      for (const [start, name, counted] of rows) {
        if (name === null) {
          if (!values.isList) count(start, counted)
          continue
        }
        const found = buckets.get(Number(start))
        if (found !== undefined) found.by[shortNumber(String(name))] = Number(counted)
      }
      return [...buckets.values()]
    })
  }

  async terms(request: TermsRequest): Promise<TermsAnswer> {
    checkNumber('limit', request.limit, 1, termsCountMax)
    const parameters = new Parameters()
    const source = this.#from(request, parameters)
    if (source === null) return { terms: [], documents: 0, distinct: 0 }
    const values = valuesOf(request.field, parameters)
    const { prefix = '' } = request
    const condition = prefix === '' ? '' : `WHERE starts_with(lower(v), ${parameters.add(prefix.toLowerCase())})`
    const sql = values.isList
      ? `WITH found AS (SELECT list_distinct(${values.sql}) AS l FROM ${source}),
          each_value AS (SELECT unnest(l) AS v FROM found),
          counted AS (SELECT v, count(*) AS c FROM each_value ${condition} GROUP BY v)
        SELECT v, c, (SELECT count(*) FROM found WHERE len(l) > 0), (SELECT count(*) FROM counted) FROM counted ORDER BY c DESC, v LIMIT ${request.limit}`
      : `WITH found AS (SELECT ${values.sql} AS v FROM ${source}),
          counted AS (SELECT v, count(*) AS c FROM found WHERE v IS NOT NULL GROUP BY v),
          wanted AS (SELECT v, c FROM counted ${condition})
        SELECT v, c, (SELECT sum(c) FROM counted), (SELECT count(*) FROM wanted) FROM wanted ORDER BY c DESC, v LIMIT ${request.limit}`
    const rows = await this.#searchTurn((connection) => read(connection, sql, parameters))
    return {
      terms: rows.map(([value, count]) => ({ value: shortNumber(String(value)), count: Number(count) })),
      documents: Number(rows[0]?.[2] ?? 0),
      distinct: Number(rows[0]?.[3] ?? 0),
    }
  }

  async combinations(request: CombinationsRequest): Promise<CombinationsAnswer> {
    const { fields, limit, order, apart } = request
    checkNumber('limit', limit, 1, termsCountMax)
    checkNumber('fields', fields.length, 1, combinationFieldsMax)
    const parameters = new Parameters()
    const source = this.#from(request, parameters)
    if (source === null) return { combinations: [], distinct: 0, documents: 0 }
    const names = fields.map((_, n) => `v${n}`)
    const values = fields.map((field, n) => {
      const { sql, isList } = valuesOf(field, parameters)
      return `${isList ? `nullif(array_to_string(${sql}, ', '), '')` : sql} AS v${n}`
    })
    const isApart = apart === undefined ? 'FALSE' : conditionOf(apart, parameters)
    const sql = `WITH found AS (SELECT ${values.join(', ')}, time, ${identifier('rule.level')} AS level, ${isApart} AS apart FROM ${source}),
        counted AS (SELECT ${names.join(', ')}, count(*) AS c, count(*) FILTER (WHERE apart) AS a, min(time) AS first, max(time) AS last, max(level) AS level
          FROM found GROUP BY ${names.join(', ')})
      SELECT ${names.join(', ')}, c, a, first, last, level, count(*) OVER (), sum(c) OVER () FROM counted
        ORDER BY ${order === 'most' ? 'c DESC, last DESC' : 'last DESC, c DESC'}, ${names.join(', ')} LIMIT ${limit}`
    const rows = await this.#searchTurn((connection) => read(connection, sql, parameters))
    const combinations = rows.map((row) => {
      const [count, apartCount, firstMs, lastMs, level] = row.slice(fields.length)
      return {
        values: row.slice(0, fields.length).map((value) => (value === null ? null : shortNumber(String(value)))),
        count: Number(count),
        apart: Number(apartCount),
        firstMs: Number(firstMs),
        lastMs: Number(lastMs),
        levelMax: level === null ? null : Number(level),
      }
    })
    const [distinct = 0, documents = 0] = rows[0]?.slice(fields.length + 5) ?? []
    return { combinations, distinct: Number(distinct), documents: Number(documents) }
  }

  async fields(selection: Selection): Promise<readonly FieldFacts[]> {
    const { documents } = await this.search({ ...selection, limit: fieldSampleCount, order: 'newest' })
    const seen = new Map<string, FieldFacts['type']>()
    for (const { text } of documents) collectFields(parseObject(text), '', seen, 0)
    return [...seen]
      .map(([name, type]) => ({ name, type }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  async event(index: IndexName, id: string, neighbourCount: number): Promise<Neighbourhood | null> {
    checkNumber('neighbours', neighbourCount, 0, 500)
    const document = await this.#byId(index, id)
    if (document === null) return null
    if (neighbourCount === 0) return { document, before: [], after: [] }
    const { timeMs, sequence } = document
    const all = parseQuery('').query ?? { kind: 'all' }
    const near = (order: 'newest' | 'oldest', range: TimeRange) =>
      this.search({ index, query: all, range, limit: neighbourCount, order, after: { timeMs, sequence } })
    const [before, after] = await Promise.all([
      near('newest', { fromMs: timeMs - neighbourMs, toMs: timeMs + 1 }),
      near('oldest', { fromMs: timeMs, toMs: timeMs + neighbourMs }),
    ])
    return { document, before: before.documents.toReversed(), after: after.documents }
  }

  /** The id's seconds say the day; the days beside it are for ids whose document bears another time, then all. */
  async #byId(index: IndexName, id: string): Promise<Found | null> {
    const seconds = Number(/^(\d{9,11})\./.exec(id)?.[1] ?? Number.NaN)
    const near = Number.isNaN(seconds) ? null : { fromMs: (seconds - 5) * 1000, toMs: (seconds + 5) * 1000 }
    for (const range of [near, everything]) {
      if (range === null) continue
      const { documents } = await this.search({
        index,
        query: { kind: 'equals', field: 'id', value: id },
        range,
        limit: 1,
        order: 'newest',
      })
      if (documents[0] !== undefined) return documents[0]
    }
    return null
  }

  figures(): Promise<StoreFigures> {
    return Promise.resolve({ partitions: this.#facts(), bytes: this.#bytes() })
  }

  #facts(): PartitionFacts[] {
    return [...this.#partitions.values()]
      .map(({ index, day, isSealed, documents }) => ({ index, day, isSealed, documents }))
      .sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : a.index < b.index ? -1 : 1))
  }

  #bytes(): number {
    const files = [
      'dogwatch.duckdb',
      'dogwatch.duckdb.wal',
      ...readdirSync(this.#sealedFolder).map((n) => join('sealed', n)),
    ]
    return files.reduce(
      (sum, name) => sum + (statSync(join(this.#options.folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
  }

  retain(retention: Retention): Promise<Retained> {
    return this.#write(() => this.#retain(retention))
  }

  async #retain({ nowMs, hotDays, retentionMs, bytesMax }: Retention): Promise<Retained> {
    const sealed: string[] = []
    const dropped: string[] = []
    const failures: unknown[] = []
    for (const { index, day, isSealed } of this.#facts()) {
      const end = dayStart(day) + dayMs
      if (end <= nowMs - retentionMs) {
        await this.#drop(index, day)
        dropped.push(tableName(index, day))
      } else if (!isSealed && end <= nowMs - hotDays * dayMs) {
        // A day that cannot be sealed keeps no other from leaving, and the disk from being bounded.
        try {
          await this.#seal(index, day)
          sealed.push(tableName(index, day))
        } catch (error) {
          failures.push(error)
        }
      }
    }
    if (sealed.length + dropped.length > 0) await this.#writer.run('CHECKPOINT')
    while (bytesMax !== null && this.#bytes() > bytesMax) {
      // Archives before alerts of the same day; today's documents always stay.
      const [oldest] = this.#facts()
        .filter(({ day }) => day < dayOf(nowMs))
        .sort((a, b) => (a.day === b.day ? (a.index === 'archives' ? -1 : 1) : a.day < b.day ? -1 : 1))
      if (oldest === undefined) break
      await this.#drop(oldest.index, oldest.day)
      await this.#writer.run('CHECKPOINT')
      dropped.push(tableName(oldest.index, oldest.day))
    }
    if (failures.length > 0) throw failures[0]
    return { sealed, dropped }
  }

  async #seal(index: IndexName, day: string): Promise<void> {
    const name = tableName(index, day)
    const path = join(this.#sealedFolder, sealedName(index, day))
    // As the documents lie, which is nearly by time: sorting whole documents takes more memory than the store has.
    await this.#onOneThread(() =>
      this.#writer.run(
        `COPY ${name} TO ${literal(`${path}.tmp`)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480, ROW_GROUP_SIZE_BYTES '4MB')`,
      ),
    )
    const written = await this.#rows(`SELECT count(*) FROM read_parquet(${literal(`${path}.tmp`)})`)
    if (Number(written[0]?.[0]) !== this.#partitions.get(name)?.documents) {
      throw new StoreError('STORE_FAILED', `${path} holds ${written[0]?.[0]} documents and should hold another number`)
    }
    // A kill behind this line leaves file and table; then the table goes on and the file is made anew.
    renameSync(`${path}.tmp`, path)
    await this.#writer.run('BEGIN')
    await this.#writer.run(`DROP TABLE ${name}`)
    await this.#showSealed(index, day)
    await this.#writer.run('COMMIT')
  }

  async #drop(index: IndexName, day: string): Promise<void> {
    const name = tableName(index, day)
    const isSealed = this.#partitions.get(name)?.isSealed === true
    await this.#writer.run(`DROP ${isSealed ? 'VIEW' : 'TABLE'} IF EXISTS ${name}`)
    rmSync(join(this.#sealedFolder, sealedName(index, day)), { force: true })
    this.#partitions.delete(name)
  }

  async verify(): Promise<readonly string[]> {
    const problems: string[] = []
    for (const { index, day, isSealed, documents } of this.#facts()) {
      const name = tableName(index, day)
      try {
        const [row] = await this.#rows(
          `SELECT count(*), count(DISTINCT id), count(*) FILTER (time < ${dayStart(day)} OR time >= ${dayStart(day) + dayMs}) FROM ${name}`,
        )
        const [count, distinct, astray] = (row ?? []).map(Number)
        // Long texts one after the other: each takes memory of its own.
        const [texts] = await this.#rows(`SELECT count(*) FILTER (NOT json_valid(json)) FROM ${name}`)
        const broken = Number(texts?.[0])
        await this.#rows(`SELECT sum(length(search_text)) FROM ${name}`)
        if (count !== documents) problems.push(`${name}: ${count} documents instead of ${documents}`)
        if (count !== distinct) problems.push(`${name}: ${Number(count) - Number(distinct)} documents are there twice`)
        if (astray !== 0) problems.push(`${name}: ${astray} documents are of another day`)
        if (broken !== 0) problems.push(`${name}: ${broken} documents are no JSON`)
      } catch (error) {
        const file = isSealed ? ` (${sealedName(index, day)})` : ''
        problems.push(`${name}${file}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
      }
    }
    return problems
  }

  async close(): Promise<void> {
    await this.#lastWrite.catch(() => {}) // whoever wrote has been told
    await this.#writer.run('CHECKPOINT').catch(() => {}) // the write-ahead log holds what is not checkpointed
    this.#writer.closeSync()
    this.#instance.closeSync()
  }

  /** The part of a range in which there are documents at all, or null. */
  #bounded(index: IndexName, range: TimeRange): TimeRange | null {
    const days = this.#days(index, range)
    const [first, last] = [days[0], days.at(-1)]
    if (first === undefined || last === undefined) return null
    return { fromMs: Math.max(range.fromMs, dayStart(first)), toMs: Math.min(range.toMs, dayStart(last) + dayMs) }
  }

  #days(index: IndexName, range: TimeRange): string[] {
    return [...this.#partitions.values()]
      .filter((partition) => partition.index === index && isDayWithin(partition.day, range))
      .map(({ day }) => day)
      .sort()
  }

  /** The documents of a selection as a source to select from; null when there is no day in its range. */
  #from({ index, query, range }: Selection, parameters: Parameters): string | null {
    const days = this.#days(index, range)
    if (days.length === 0) return null
    const from = parameters.addWhole(range.fromMs)
    const to = parameters.addWhole(Math.min(range.toMs, everything.toMs))
    const condition = conditionOf(query, parameters)
    const parts = days.map((day) => `SELECT * FROM ${tableName(index, day)}`)
    return `(SELECT * FROM (${parts.join(' UNION ALL ')}) WHERE time >= ${from} AND time < ${to} AND ${condition})`
  }

  #write<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#lastWrite.then(work, work)
    this.#lastWrite = next.catch(() => {}) // whoever asked is told; the next write starts afresh
    return next
  }

  /** Runs a search on a connection of its own when its turn comes; one that takes too long is broken off. */
  async #searchTurn<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    await this.#enter()
    let isInside = true
    const leave = (): void => {
      if (isInside) this.#leave()
      isInside = false
    }
    const connection = await this.#instance.connect().catch((error: unknown) => {
      leave()
      throw error
    })
    let isTooLong = false
    const breakOff = () => {
      isTooLong = true
      connection.interrupt()
    }
    // Again and again: between two statements of one search nothing hears it.
    let timer = setTimeout(() => {
      breakOff()
      timer = setInterval(breakOff, interruptMs)
    }, this.#options.searchMsMax)
    try {
      try {
        return await work(connection)
      } catch (error) {
        if (isTooLong || !isMemoryShort(error)) throw error
        const answer = this.#alone(() => work(connection))
        leave()
        return await answer
      }
    } catch (error) {
      if (isMemoryShort(error)) {
        const message =
          'the search needs more memory than the store has; take a field that narrows it, or an indexed one'
        throw new StoreError('STORE_SEARCH_TOO_LONG', message, { cause: error })
      }
      if (isTooLong) {
        const message = `the search took longer than ${this.#options.searchMsMax / 1000} s; take a shorter time range, or fields that narrow it`
        throw new StoreError('STORE_SEARCH_TOO_LONG', message, { cause: error })
      }
      throw error
    } finally {
      clearTimeout(timer)
      connection.closeSync()
      leave()
    }
  }

  /** Waits for a turn. */
  async #enter(): Promise<void> {
    if (this.#searching < searchesAtOnce && this.#hungry === 0) {
      this.#searching += 1
      return
    }
    if (this.#waiting.length >= searchesWaitingMax) {
      throw new StoreError('STORE_BUSY', `${searchesWaitingMax} searches wait already; try again in a moment`)
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    this.#searching -= 1
    if (this.#searching === 0) for (const tell of this.#whenDrained.splice(0)) tell()
    this.#admit()
  }

  #admit(): void {
    while (this.#hungry === 0 && this.#searching < searchesAtOnce) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#searching += 1
      next()
    }
  }

  /** Runs a search that found too little memory again, with no other beside it: those that run end first, those that come wait. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#hungry += 1
    const run = async (): Promise<T> => {
      try {
        if (this.#searching > 0) await new Promise<void>((resolve) => this.#whenDrained.push(resolve))
        return await this.#onOneThread(work)
      } finally {
        this.#hungry -= 1
        this.#admit()
      }
    }
    const next = this.#lastAlone.then(run, run)
    this.#lastAlone = next.catch(() => {}) // whoever asked is told; the next one starts afresh
    return next
  }

  /** On one thread, work takes half the memory; what else runs takes longer meanwhile. */
  async #onOneThread<T>(work: () => Promise<T>): Promise<T> {
    this.#onOne += 1
    await this.#writer.run('SET threads TO 1')
    try {
      return await work()
    } finally {
      this.#onOne -= 1
      if (this.#onOne === 0) await this.#writer.run(`SET threads TO ${Math.trunc(this.#options.threads)}`)
    }
  }

  async #rows(sql: string): Promise<Row[]> {
    return (await this.#writer.runAndReadAll(sql)).getRows()
  }
}

async function read(connection: DuckDBConnection, sql: string, { values, types: typed }: Parameters): Promise<Row[]> {
  return (await connection.runAndReadAll(sql, values, typed)).getRows()
}

function foundOf([id, time, sequence, json]: Row): Found {
  return { id: String(id), timeMs: Number(time), sequence: Number(sequence), text: String(json) }
}

/** Whether a document stands before or behind a place; in single comparisons, since pairs cannot be compared on both sides at once. */
/** A condition that reads documents or their text, and not columns alone. */
const looksIntoTexts = /\b(?:json|search_text)\b/

function besidePlace({ timeMs, sequence }: Place, sign: '<' | '>', parameters: Parameters): string {
  const time = parameters.addWhole(timeMs)
  return `(time ${sign} ${time} OR (time = ${time} AND sequence ${sign} ${parameters.addWhole(sequence)}))`
}

function placeOf(row: Row | undefined): Place | null {
  const [, time, sequence] = row ?? []
  return typeof time !== 'bigint' || typeof sequence !== 'bigint'
    ? null
    : { timeMs: Number(time), sequence: Number(sequence) }
}

function plainValue(value: string | number | readonly string[] | null): DuckDBValue {
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

/** Numbers in columns are doubles: `5.0` is the 5 of the document. */
function shortNumber(text: string): string {
  return /^-?\d+\.0$/.test(text) ? text.slice(0, -2) : text
}

function isMemoryShort(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Out of Memory')
}

function emptyTable(): Record<string, number> {
  return Object.create(null)
}

function checkNumber(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new StoreError('STORE_BAD_REQUEST', `${name} is ${value}; it must be a whole number from ${min} to ${max}`)
}

/** Deepest field that is listed. */
const fieldDepthMax = 20

function collectFields(value: unknown, path: string, seen: Map<string, FieldFacts['type']>, depth: number): void {
  if (seen.size >= fieldsMax || depth > fieldDepthMax) return
  if (isObject(value)) {
    for (const [name, below] of Object.entries(value)) {
      collectFields(below, path === '' ? name : `${path}.${name}`, seen, depth + 1)
    }
    return
  }
  const sample = Array.isArray(value) ? value.find((one) => one !== null && typeof one !== 'object') : value
  if (sample === null || sample === undefined) return
  const type =
    path === 'timestamp'
      ? 'date'
      : typeof sample === 'number'
        ? 'number'
        : typeof sample === 'boolean'
          ? 'boolean'
          : 'text'
  if (!seen.has(path)) seen.set(path, type)
}
