/** Every command of `dogwatch`, in the order of its help. To add one: a file beside this one, and a line here. */
import type { CommandEntry } from '../command.ts'

export const commands: readonly CommandEntry[] = [
  { words: ['manager'], summary: 'run the manager in the foreground', load: () => import('./manager.ts') },
  { words: ['agent'], summary: 'run the agent of this host in the foreground', load: () => import('./agent.ts') },
  {
    words: ['agent', 'status'],
    summary: 'whether the agent of this host is connected, and what waits',
    load: () => import('./agent-status.ts'),
  },
  { words: ['status'], summary: 'what the running manager is doing', load: () => import('./status.ts') },
  {
    words: ['config', 'check'],
    summary: 'say what becomes of each element of ossec.conf',
    load: () => import('./config-check.ts'),
  },
  {
    words: ['certs', 'init'],
    summary: 'make an authority and a server certificate',
    load: () => import('./certs-init.ts'),
  },
  {
    words: ['certs', 'issue'],
    summary: 'issue a server or client certificate',
    load: () => import('./certs-issue.ts'),
  },
  { words: ['certs', 'renew'], summary: 'renew certificates that end soon', load: () => import('./certs-renew.ts') },
  {
    words: ['certs', 'show'],
    summary: 'show certificates, and what is wrong with them',
    load: () => import('./certs-show.ts'),
  },
  {
    words: ['agents', 'list'],
    summary: 'every agent with its status',
    load: () => import('./agents-list.ts'),
  },
  { words: ['agents', 'show'], summary: 'all that is known of one agent', load: () => import('./agents-show.ts') },
  {
    words: ['agents', 'groups'],
    summary: 'groups of agents, and who is in them',
    load: () => import('./agents-groups.ts'),
  },
  {
    words: ['agents', 'restart'],
    summary: 'let a connected agent start anew',
    load: () => import('./agents-restart.ts'),
  },
  {
    words: ['agents', 'remove'],
    summary: 'let an agent connect no longer',
    load: () => import('./agents-remove.ts'),
  },
  {
    words: ['k8s', 'setup'],
    summary: 'let the API server of this node post its audit events here',
    load: () => import('./k8s-setup.ts'),
  },
  {
    words: ['k8s', 'doctor'],
    summary: 'say why no audit events arrive, and what to do',
    load: () => import('./k8s-doctor.ts'),
  },
  {
    words: ['k8s', 'replay'],
    summary: 'post recorded audit events as an API server would',
    load: () => import('./k8s-replay.ts'),
  },
  {
    words: ['k8s', 'tune'],
    summary: 'propose entries for the lists that silence Kubernetes alerts',
    load: () => import('./k8s-tune.ts'),
  },
  {
    words: ['k8s', 'blind'],
    summary: 'say which detections an audit policy leaves blind',
    load: () => import('./k8s-blind.ts'),
  },
  {
    words: ['ruleset', 'check'],
    summary: 'load a ruleset and name every mistake in it',
    load: () => import('./ruleset-check.ts'),
  },
  {
    words: ['ruleset', 'reload'],
    summary: 'let the running manager load its ruleset anew',
    load: () => import('./ruleset-reload.ts'),
  },
  {
    words: ['analyze'],
    summary: 'run a file of events through a ruleset, offline',
    load: () => import('./analyze.ts'),
  },
  {
    words: ['ruleset', 'test'],
    summary: 'run rule tests: .ini suites and golden files',
    load: () => import('./ruleset-test.ts'),
  },
  {
    words: ['ruleset', 'profile'],
    summary: 'CPU time and hits per rule and decoder over a file',
    load: () => import('./ruleset-profile.ts'),
  },
  {
    words: ['logtest'],
    summary: 'say what becomes of a log line, and why',
    load: () => import('./logtest.ts'),
  },
  {
    words: ['store', 'verify'],
    summary: 'read the whole store and name what is wrong',
    load: () => import('./store-verify.ts'),
  },
  {
    words: ['store', 'export'],
    summary: 'write documents of the store as JSON lines',
    load: () => import('./store-export.ts'),
  },
  {
    words: ['store', 'import'],
    summary: 'take files of JSON lines into the store',
    load: () => import('./store-import.ts'),
  },
  {
    words: ['store', 'backup'],
    summary: 'copy the store, users and saved searches into a folder',
    load: () => import('./store-backup.ts'),
  },
  {
    words: ['store', 'restore'],
    summary: 'take back what a backup holds',
    load: () => import('./store-restore.ts'),
  },
]
