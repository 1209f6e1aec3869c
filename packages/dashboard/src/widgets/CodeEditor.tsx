/** An editor for XML and JSON, with problems marked where they are. The library is loaded when the first one is shown. */
import { Skeleton } from '@mantine/core'
import { lazy, Suspense } from 'react'
import type { CodeEditorProps } from './CodeMirrorView.tsx'

const CodeMirrorView = lazy(() => import('./CodeMirrorView.tsx'))

export function CodeEditor(props: CodeEditorProps) {
  return (
    <Suspense fallback={<Skeleton height={props.height ?? 320} />}>
      <CodeMirrorView {...props} />
    </Suspense>
  )
}
