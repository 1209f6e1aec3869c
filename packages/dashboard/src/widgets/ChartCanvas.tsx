/** The one place that knows ECharts: in its parts that we use, drawn on a canvas, described for readers by ear, in the colours of the scheme. */
import { useComputedColorScheme } from '@mantine/core'
import { BarChart, HeatmapChart, LineChart, PieChart } from 'echarts/charts'
import {
  AriaComponent,
  BrushComponent,
  GridComponent,
  LegendComponent,
  ToolboxComponent,
  TooltipComponent,
  VisualMapComponent,
} from 'echarts/components'
import { type ECharts, type EChartsCoreOption, init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { useEffect, useRef } from 'react'

use([
  AriaComponent,
  BarChart,
  BrushComponent,
  CanvasRenderer,
  GridComponent,
  HeatmapChart,
  LegendComponent,
  LineChart,
  PieChart,
  ToolboxComponent,
  TooltipComponent,
  VisualMapComponent,
])

export interface ChartProps {
  /** As ECharts takes it. Texts in it must have been through `visibleText`. */
  readonly option: EChartsCoreOption
  /** In pixels. */
  readonly height: number
  /** What the chart tells, in a sentence. */
  readonly label: string
  /** A click on a bar, slice or point. */
  readonly onPick?: (picked: { readonly name: string; readonly seriesName: string; readonly index: number }) => void
  /** Two places of a category axis, by index, between which somebody drew. */
  readonly onBrush?: (from: number, to: number) => void
}

export default function ChartCanvas({ option, height, label, onPick, onBrush }: ChartProps) {
  const scheme = useComputedColorScheme('light')
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<ECharts | null>(null)
  const handlers = useRef({ onPick, onBrush })
  handlers.current = { onPick, onBrush }
  useEffect(() => {
    if (place.current === null) return
    const made = init(place.current, themeOf(scheme), { renderer: 'canvas' })
    chart.current = made
    made.on('click', ({ name, seriesName, dataIndex }) =>
      handlers.current.onPick?.({ name, seriesName: seriesName ?? '', index: dataIndex }),
    )
    made.on('brushEnd', (event) => {
      const range = brushedRange(event)
      made.dispatchAction({ type: 'brush', areas: [] })
      if (range !== null) handlers.current.onBrush?.(...range)
    })
    const observer = new ResizeObserver(() => made.resize())
    observer.observe(place.current)
    return () => {
      observer.disconnect()
      made.dispose()
      chart.current = null
    }
  }, [scheme])
  const hasBrush = onBrush !== undefined
  useEffect(() => {
    const made = chart.current
    if (made === null) return
    made.setOption({ ...common, ...(hasBrush ? brushing : {}), ...option }, { notMerge: true })
    if (hasBrush) {
      made.dispatchAction({
        type: 'takeGlobalCursor',
        key: 'brush',
        brushOption: { brushType: 'lineX', brushMode: 'single' },
      })
    }
    // A chart in the other scheme is another chart.
    void scheme
  }, [option, scheme, hasBrush])
  return <div ref={place} role="img" aria-label={label} style={{ height }} className="chart" />
}

const brushing: EChartsCoreOption = {
  // Drawn by dragging anywhere; the buttons of the library's own toolbox are not shown.
  toolbox: { show: false },
  brush: { xAxisIndex: 0, brushType: 'lineX', throttleType: 'debounce', brushStyle: { color: 'rgba(47,111,176,.2)' } },
}

/** What every chart has. */
const common: EChartsCoreOption = {
  animation: false,
  aria: { enabled: true },
  // Drawn as text on the canvas: a value can never become an element.
  tooltip: { trigger: 'item', renderMode: 'richText', confine: true },
  grid: { left: 4, right: 8, top: 8, bottom: 4, containLabel: true },
}

/** Colours of everything that is no data. */
function themeOf(scheme: 'light' | 'dark'): object {
  const isDark = scheme === 'dark'
  const [text, line, faint] = isDark ? ['#c9c9c9', '#5c5f66', '#37393d'] : ['#495057', '#adb5bd', '#e9ecef']
  const axis = {
    axisLabel: { color: text, fontSize: 11 },
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    splitLine: { lineStyle: { color: faint } },
    nameTextStyle: { color: text },
  }
  return {
    textStyle: { color: text, fontFamily: 'system-ui, sans-serif', fontSize: 11 },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
    timeAxis: axis,
    legend: {
      textStyle: { color: text, fontSize: 11 },
      pageTextStyle: { color: text },
      pageIconColor: text,
      pageIconInactiveColor: line,
    },
    visualMap: { textStyle: { color: text } },
    tooltip: {
      backgroundColor: isDark ? '#2e2e2e' : '#ffffff',
      borderColor: isDark ? '#424242' : '#ced4da',
      textStyle: { color: isDark ? '#f1f3f5' : '#212529', fontSize: 12 },
    },
  }
}

/** The range of the first area that was drawn, or null when it was no more than a click. */
function brushedRange(event: unknown): [number, number] | null {
  if (typeof event !== 'object' || event === null || !('areas' in event) || !Array.isArray(event.areas)) return null
  const area: unknown = event.areas[0]
  if (typeof area !== 'object' || area === null || !('coordRange' in area) || !Array.isArray(area.coordRange))
    return null
  const [from, to]: unknown[] = area.coordRange
  return typeof from === 'number' && typeof to === 'number' && to >= from ? [from, to] : null
}
