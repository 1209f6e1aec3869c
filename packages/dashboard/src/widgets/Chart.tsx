/** A chart. The library is loaded when the first one is shown; until then, and where it fails, the place is kept. */

import { Skeleton } from '@mantine/core'
import { lazy, Suspense } from 'react'
import type { ChartProps } from './ChartCanvas.tsx'

const ChartCanvas = lazy(() => import('./ChartCanvas.tsx'))

export function Chart(props: ChartProps) {
  return (
    <Suspense fallback={<Skeleton height={props.height} />}>
      <ChartCanvas {...props} />
    </Suspense>
  )
}
