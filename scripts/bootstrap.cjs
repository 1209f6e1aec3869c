/**
 * What every npm verb goes through: `node scripts/bootstrap.cjs VERB [arguments]`.
 *
 * In: a verb and its arguments, on any Node from 18 on. Out: the verb's program, running on the pinned Node with the
 * packages of package-lock.json installed; its standard streams, signals and exit status are handed through.
 * Speaks on standard error only, so that a verb's own output can be piped.
 * Can go wrong: npm cannot install (said, in npm's own words; status 1), no Node is new enough (said; status 1),
 * the verb is unknown or its program is not part of this version (said; status 2).
 *
 * Plain CommonJS and no packages, because it runs before anything is installed and on whatever Node is there.
 */
'use strict'

const { spawn, spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const { accessSync, constants, existsSync, readdirSync, readFileSync, statSync, writeFileSync } = require('node:fs')
const { delimiter, dirname, join } = require('node:path')

const root = dirname(__dirname)
const modules = join(root, 'node_modules')
/** Holds what the last check found, so that the next one is one hash of one file. */
const stampFile = join(modules, '.dogwatch-installed')
/** Oldest Node that runs TypeScript as this repository is written (package.json, optionalDependencies, pins one). */
const nodeMin = [24, 15]
/** Seconds that one run of npm or apt-get may take. */
const installSeconds = 900

/**
 * The verbs. `file` is run on the pinned Node; `packages` says whether development packages are needed too; relative
 * paths among the arguments are meant from where the user stands, hence `fromCaller`.
 */
const verbs = {
  start: { file: 'packages/manager/src/main.ts', packages: 'production', fromCaller: true, page: true },
  dogwatch: { file: 'packages/cli/src/main.ts', packages: 'production', fromCaller: true },
  conformance: { file: 'packages/cli/src/conformance.ts', packages: 'production', fromCaller: true },
  detections: { file: 'packages/cli/src/detections.ts', packages: 'production', fromCaller: true },
  bench: { file: 'bench/index.ts', packages: 'all' },
  e2e: { file: 'e2e/index.ts', packages: 'all', page: true },
  fuzz: { file: 'scripts/fuzz.ts', packages: 'all' },
  record: { file: 'scripts/record.ts', packages: 'all' },
  check: { file: 'scripts/check.ts', packages: 'all' },
  test: { file: 'scripts/test.ts', packages: 'all', page: true },
}

/** Programs of the system that a verb uses: the command looked for, the Debian package that brings it, who needs it. */
const systemPrograms = [
  {
    command: 'curl',
    debianPackage: 'curl',
    verbs: ['test', 'e2e'],
    neededBy: 'the end-to-end run of the printed curl line',
  },
  {
    command: 'openssl',
    debianPackage: 'openssl',
    verbs: ['test', 'e2e'],
    neededBy: 'tests of certificates made by openssl',
  },
  {
    command: 'auditctl',
    debianPackage: 'auditd',
    verbs: ['test', 'e2e'],
    neededBy: 'the end-to-end run in which the kernel’s audit tells who changed a file',
  },
]

function say(line) {
  process.stderr.write(`dogwatch: ${line}\n`)
}

function fail(line, status) {
  say(line)
  process.exit(status)
}

function onPath(command) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && isExecutable(join(folder, command)))
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/** The Node to run on: the pinned one, else this one when it is new enough, else null. */
function findNode() {
  const pinned = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (isExecutable(pinned)) return pinned
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNewEnough = major > nodeMin[0] || (major === nodeMin[0] && minor >= nodeMin[1])
  return isNewEnough ? process.execPath : null
}

/**
 * Whether what package-lock.json asks for is what npm last put into node_modules (npm keeps a list of that there).
 * Contents are compared, not times: a checkout or a copy changes times at will.
 */
function isInstalled(packages) {
  if (findNode() === null) return false
  const wantedText = readFileSync(join(root, 'package-lock.json'))
  const hash = createHash('sha256').update(wantedText).digest('hex')
  const stamp = readStamp()
  if (stamp === `${hash} all` || stamp === `${hash} ${packages}`) return true

  const present = readJson(join(modules, '.package-lock.json'))?.packages
  if (!present) return false
  for (const [path, wanted] of Object.entries(JSON.parse(wantedText.toString()).packages)) {
    // Optional packages may be absent: they are binaries for other machines, or were removed from a container image.
    if (path === '' || wanted.optional) continue
    if (packages === 'production' && (wanted.dev || wanted.devOptional)) continue
    const found = present[path]
    if (!found || found.version !== wanted.version || Boolean(found.link) !== Boolean(wanted.link)) return false
    if (path.startsWith('node_modules/') && !existsSync(join(root, path))) return false
  }
  try {
    writeFileSync(stampFile, `${hash} ${packages}`)
  } catch {
    // A read-only installation: the comparison above is merely made again next time.
  }
  return true
}

function readStamp() {
  try {
    return readFileSync(stampFile, 'utf8')
  } catch {
    return ''
  }
}

/** Runs npm with its output collected; returns whether it went well, and says npm's words when it did not. */
function runNpm(...args) {
  // npm replaces the very folder that the pinned Node lives in, so npm runs on the system's Node.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter)
  const env = { ...process.env, PATH: path, NODE_ENV: '' }
  const { npm_execpath: npmScript, npm_node_execpath: npmNode } = process.env
  const isUnderNpm = npmScript && npmNode && npmScript.endsWith('.js') && existsSync(npmScript) && existsSync(npmNode)
  const [command, first] = isUnderNpm && !npmNode.startsWith(modules) ? [npmNode, [npmScript]] : ['npm', []]
  const all = [...first, ...args, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const result = spawnSync(command, all, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: installSeconds * 1000,
    maxBuffer: 16 * 1024 * 1024,
  })
  if (result.status === 0) return true
  const reason = result.error ? `${result.error.message}\n` : ''
  const lines = `${reason}${result.stderr ?? ''}`
    .split('\n')
    .filter((line) => !/^npm error\s*$/.test(line) && line !== '')
  // npm says what is wrong first, and then how to use it.
  process.stderr.write(`${lines.slice(0, 12).join('\n')}\n`)
  return false
}

/** Installs, unless somebody else has done it meanwhile. Runs under the lock that `ensureInstalled` takes. */
function install(packages) {
  if (isInstalled(packages)) return
  const started = Date.now()
  say('installing packages (npm ci), once for this version of package-lock.json; this takes half a minute or so')
  // Development packages are asked for by name: NODE_ENV or a user's npmrc may leave them out.
  if (!runNpm('ci', '--include=dev')) {
    say('npm ci failed; trying npm install, which keeps what is there')
    if (!runNpm('install', '--no-save', '--include=dev')) {
      fail(
        'packages could not be installed: see npm’s words above. Is the registry reachable? npm ci --ignore-scripts',
        1,
      )
    }
  }
  if (!isInstalled(packages)) fail(whyNotInstalled(), 1)
  say(`packages installed in ${Math.round((Date.now() - started) / 1000)} s`)
}

function whyNotInstalled() {
  if (findNode() !== null)
    return 'npm reported success but node_modules does not match package-lock.json; remove it and try again'
  const here = `${process.platform} ${process.arch}`
  return `no Node for ${here} comes with this repository, and this one is ${process.version}: install Node ${nodeMin.join('.')} or newer`
}

/** Packages in place, however many verbs are started at once: one installs, the others wait for it. */
function ensureInstalled(packages) {
  if (isInstalled(packages)) return
  // The lock is held by the kernel for as long as the process lives, so that nothing stale can remain.
  if (!onPath('flock')) return install(packages)
  const underLock = [__filename, process.execPath, __filename, '--install', packages]
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const lockTakenStatus = 75
  let result = spawnSync('flock', ['--nonblock', '--conflict-exit-code', `${lockTakenStatus}`, ...underLock], options)
  if (result.status === lockTakenStatus) {
    say('packages are being installed by another run; waiting for it')
    result = spawnSync('flock', underLock, options)
  }
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/** What the page is made of. */
const pageSources = ['packages/dashboard', 'packages/client', 'packages/query']
/** Holds the hash of the sources that the page was last built from. */
const pageStamp = join(root, 'packages/dashboard/dist/built-from')

/** Builds the page of the dashboard when its sources are others than last time; whatever goes wrong, the verb goes on. */
function ensurePage(node) {
  const file = join(root, 'packages/dashboard/src/build.ts')
  // A container image brings the page built, and leaves the sources out.
  if (!existsSync(file)) return
  const hash = hashOfPageSources()
  if (isPageBuilt(hash)) return
  const lock = join(modules, '.dogwatch-page-lock')
  const build = [node, __filename, '--build-page', hash]
  const [command, ...args] = onPath('flock') ? ['flock', lock, ...build] : build
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], timeout: installSeconds * 1000 })
  if (status !== 0) say('the page could not be built: see above. Everything else works; /app says what to do')
}

/** Runs under the lock that `ensurePage` takes: whoever waited for it finds the page built. */
function buildPage(hash) {
  if (isPageBuilt(hash)) return
  const started = Date.now()
  say('building the page, once for this version of its sources; this takes some seconds')
  const { status, signal } = spawnSync(findNode(), [join(root, 'packages/dashboard/src/build.ts')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) process.exit(typeof status === 'number' ? status : signal ? 1 : 0)
  writeFileSync(pageStamp, hash)
  say(`page built in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

function isPageBuilt(hash) {
  try {
    return readFileSync(pageStamp, 'utf8') === hash && existsSync(join(dirname(pageStamp), 'index.html'))
  } catch {
    return false
  }
}

/** Contents and names of everything that goes into the page, and of what it is built with. */
function hashOfPageSources() {
  const hash = createHash('sha256')
  const files = pageSources
    .flatMap((folder) => filesBelow(join(root, folder)))
    .filter((path) => !/\.test\.tsx?$/.test(path))
  for (const path of [...files.sort(), join(root, 'package-lock.json')]) {
    hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}

function filesBelow(folder) {
  return readdirSync(folder).flatMap((name) => {
    if (name === 'node_modules' || name.startsWith('dist')) return []
    const path = join(folder, name)
    return statSync(path).isDirectory() ? filesBelow(path) : [path]
  })
}

/** Brings the programs a verb uses, or names what is missing; never a reason to stop, since tests skip what they lack. */
function ensureSystemPrograms(verb) {
  const missing = systemPrograms.filter(({ command, verbs: users }) => users.includes(verb) && !onPath(command))
  if (missing.length === 0) return
  const names = missing.map(({ debianPackage }) => debianPackage)
  const mayInstall = process.getuid?.() === 0 && process.env.DOGWATCH_NO_APT !== '1' && onPath('apt-get')
  if (mayInstall) {
    say(`installing ${names.join(', ')} by apt-get (DOGWATCH_NO_APT=1 prevents this)`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { env, stdio: ['ignore', 'ignore', 'ignore'], timeout: installSeconds * 1000 }
    spawnSync('apt-get', ['update', '-q'], options)
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], options)
  }
  for (const { command, debianPackage, neededBy } of missing) {
    if (!onPath(command))
      say(`${command} is missing (Debian package ${debianPackage}); skipped without it: ${neededBy}`)
  }
}

/**
 * Memory flags of the programs that run for long. By default V8 lets the young generation grow to many times what our short-lived strings need, and the
 * old one to four times what lives in it; with a limit below 2 GB it grows by less than two.
 */
const leanFlags = ['--max-semi-space-size=4', '--max-old-space-size=1024']
const leanVerbs = new Set(['start', 'dogwatch'])
/** Analysis makes more garbage than all else in as short a time: a larger young generation is a tenth of its CPU time, and 50 to 100 MB. */
const analysisFlags = ['--max-semi-space-size=16', ...leanFlags.slice(1)]
/** The C library keeps a pool of freed memory for each of up to 16 threads; with two pools the manager takes 50 MB less under load. */
const leanPools = '2'

/** Becomes the program where Node can do that (same process id, signals reach it), else runs it as a child. */
function run(node, args, isLean) {
  const path = `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`
  // TypeScript is stripped and compiled once; later starts read the result, sooner and with some 30 MB a thread less. A folder that cannot be written is no error.
  const cache = process.env.NODE_COMPILE_CACHE ?? join(modules, '.cache', 'dogwatch-compiled')
  const env = { ...process.env, PATH: path, NODE_COMPILE_CACHE: cache }
  if (isLean) env.MALLOC_ARENA_MAX ??= leanPools
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    // Node prints a warning that this call is experimental; the user can do nothing with it.
    process.removeAllListeners('warning')
    process.execve(node, [node, ...args], env)
  }
  const child = spawn(node, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole foreground group, so the child has it already.
      if (signal === 'SIGINT' && process.stdin.isTTY) return
      child.kill(signal)
    })
  }
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`, 1))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** Runs a verb; returns only when the program runs as a child. */
function runVerb(verb, args) {
  const known = Object.hasOwn(verbs, verb) ? verbs[verb] : null
  if (known === null)
    return fail(`unknown verb ${JSON.stringify(verb)}; there are: ${Object.keys(verbs).join(', ')}`, 2)
  const file = join(root, known.file)
  if (!existsSync(file)) return fail(`${verb} is not part of this version (${known.file} is not there)`, 2)
  ensureInstalled(known.packages)
  ensureSystemPrograms(verb)
  const node = findNode()
  if (node === null) return fail(whyNotInstalled(), 1)
  if (known.page) ensurePage(node)
  // npm changes to the folder of package.json and leaves the caller's folder in INIT_CWD.
  const caller = process.env.INIT_CWD
  if (known.fromCaller && caller && process.cwd() === root && existsSync(caller)) process.chdir(caller)
  const isLean = leanVerbs.has(verb)
  const isAnalysis = verb === 'dogwatch' && args[0] === 'analyze'
  run(node, [...(isAnalysis ? analysisFlags : isLean ? leanFlags : []), file, ...args], isLean)
}

module.exports = { runVerb, verbs }

if (require.main === module) {
  const [verb = '', ...args] = process.argv.slice(2)
  if (verb === '--install') install(args[0] ?? 'all')
  else if (verb === '--build-page') buildPage(args[0] ?? '')
  else runVerb(verb, args)
}
