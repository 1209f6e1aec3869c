/** CDB lists: keys with values that rules look up, and their files. */
import { useSetParts } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { countText } from '../widgets/number-text.ts'
import { RulesetView } from './RulesetView.tsx'
import type { FileItem } from './ruleset-files.ts'

interface ListItem extends FileItem {
  readonly items: readonly unknown[]
}

export default function ListsPage() {
  const setParts = useSetParts()
  return (
    <RulesetView kind="lists" title="Lists">
      <DataTable<ListItem>
        label="Lists"
        source={{ path: '/lists' }}
        rowKey={({ filename, relative_dirname: folder }) => `${folder}/${filename}`}
        onRow={({ filename, relative_dirname: folder }) => setParts({ file: filename, folder })}
        csvName="lists"
        empty={
          <EmptyState title="No lists">A list gives rules the names that are allowed, or known to be bad.</EmptyState>
        }
        columns={[
          { id: 'filename', label: 'Name', isSortable: true },
          { id: 'relative_dirname', label: 'Folder', isSortable: true },
          { id: 'items', label: 'Entries', width: 110, render: ({ items }) => countText(items.length) },
        ]}
      />
    </RulesetView>
  )
}
