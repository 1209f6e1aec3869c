/** The decoders in force, in the order in which they are tried, and their files. */
import { useSetParts } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { fieldText } from '../widgets/document-fields.ts'
import { RulesetView } from './RulesetView.tsx'
import type { DecoderItem } from './ruleset-files.ts'

export default function DecodersPage() {
  const setParts = useSetParts()
  return (
    <RulesetView kind="decoders" title="Decoders">
      <DataTable<DecoderItem>
        label="Decoders"
        source={{ path: '/decoders' }}
        rowKey={({ position }) => String(position)}
        onRow={({ filename, relative_dirname: folder }) => setParts({ file: filename, folder })}
        searchPlaceholder="Name or file"
        csvName="decoders"
        columns={[
          { id: 'name', label: 'Name', isSortable: true },
          {
            id: 'details.parent',
            label: 'Parent',
            render: (item) => fieldText({ ...item }, 'details.parent'),
            isWideOnly: true,
          },
          { id: 'position', label: 'Position', isSortable: true, width: 90, isWideOnly: true },
          { id: 'filename', label: 'File', isSortable: true },
          { id: 'line', label: 'Line', width: 70, isWideOnly: true },
        ]}
      />
    </RulesetView>
  )
}
