/** The four growing files of a manager, with the names that Wazuh gives them and their history. */

/** JSON alerts, text alerts, JSON archive, text archive. Order matters: the JSON file is always written before its text twin (see `tail.ts`). */
export const fileKinds = ['alertsJson', 'alertsText', 'archivesJson', 'archivesText'] as const
export type FileKind = (typeof fileKinds)[number]

interface FileNames {
  /** Folder below `logs`. */
  readonly folder: string
  readonly current: string
  /** History files are `<history>-<day>.<extension>`. */
  readonly history: string
  readonly extension: string
}

export const fileNames: Readonly<Record<FileKind, FileNames>> = {
  alertsJson: { folder: 'alerts', current: 'alerts.json', history: 'ossec-alerts', extension: 'json' },
  alertsText: { folder: 'alerts', current: 'alerts.log', history: 'ossec-alerts', extension: 'log' },
  archivesJson: { folder: 'archives', current: 'archives.json', history: 'ossec-archive', extension: 'json' },
  archivesText: { folder: 'archives', current: 'archives.log', history: 'ossec-archive', extension: 'log' },
}
