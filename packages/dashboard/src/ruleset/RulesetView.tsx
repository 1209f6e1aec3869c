/** The frame of the three ruleset pages: what is in force, and the files that it comes from. */
import { Button, SegmentedControl } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { client, may } from '../data/session.ts'
import { usePageParam, useSetParts } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { Icon } from '../widgets/icons.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { FileFlyout } from './FileFlyout.tsx'
import { type FileItem, type FileKind, isOwn, problemsOf } from './ruleset-files.ts'
import './ruleset.css'

export interface RulesetViewProps {
  readonly kind: FileKind
  readonly title: string
  /** The table of what is in force. */
  readonly children: ReactNode
}

export function RulesetView({ kind, title, children }: RulesetViewProps) {
  const [view, setView] = usePageParam('view', 'items')
  const [file, setFile] = usePageParam('file')
  const [folder] = usePageParam('folder')
  const setParts = useSetParts()
  const [isReloading, setReloading] = useState(false)
  const queries = useQueryClient()
  const reload = async (): Promise<void> => {
    setReloading(true)
    try {
      const { data } = await client.call<{ data: { accepted: boolean; problems: readonly unknown[] } }>(
        'PUT',
        '/manager/analysisd/reload',
      )
      if (!data.accepted) {
        const { elsewhere } = problemsOf(data.problems, '')
        throw new Error(`The new ruleset has errors; the old one goes on. ${elsewhere.slice(0, 3).join(' · ')}`)
      }
      notifications.show({ message: 'The ruleset is loaded anew.' })
      await queries.invalidateQueries({ queryKey: ['items'] })
    } catch (error) {
      notifications.show({ color: 'red', message: error instanceof Error ? error.message : String(error) })
    } finally {
      setReloading(false)
    }
  }
  return (
    <>
      <PageHead title={title}>
        <SegmentedControl
          aria-label="View"
          value={view}
          data={[
            { value: 'items', label: title },
            { value: 'files', label: 'Files' },
          ]}
          onChange={setView}
        />
        {may(`${kind}:update`) && (
          <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setFile('*')}>
            New file
          </Button>
        )}
        {may('manager:restart') && (
          <Button variant="default" loading={isReloading} onClick={() => void reload()}>
            Reload
          </Button>
        )}
      </PageHead>
      {view === 'files' ? (
        <DataTable<FileItem>
          label={`Files of ${kind}`}
          source={{ path: `/${kind}/files` }}
          rowKey={({ relative_dirname: above, filename }) => `${above}/${filename}`}
          onRow={({ filename, relative_dirname: above }) => setParts({ file: filename, folder: above })}
          urlPrefix="f"
          csvName={`${kind}-files`}
          empty={<EmptyState title="No files" />}
          columns={[
            { id: 'filename', label: 'File', isSortable: true },
            { id: 'relative_dirname', label: 'Folder', isSortable: true },
            {
              id: 'own',
              label: 'Whose',
              width: 130,
              isWideOnly: true,
              render: (item) => (isOwn(item) ? 'yours' : 'the product’s'),
            },
          ]}
        />
      ) : (
        children
      )}
      <FileFlyout
        kind={kind}
        filename={file}
        isOwn={folder.startsWith('etc/')}
        onClose={() => setParts({ file: undefined, folder: undefined })}
        onSaved={(name) =>
          setParts(name === '' ? { file: undefined, folder: undefined } : { file: name, folder: `etc/${kind}` })
        }
      />
    </>
  )
}
