// Draws the throughput of all subjects as an SVG that can be read on light and on dark ground.
import { requireCompetitor } from "./subjects/competitors.js";

export interface Bar {
  readonly title: string;
  readonly ratio: number;
  readonly floor?: number;
  readonly kind: "ours" | "other" | "baseline";
}

interface Echarts {
  init(
    element: null,
    theme: null,
    options: { renderer: "svg"; ssr: true; width: number; height: number },
  ): { setOption(option: object): void; renderToSVGString(): string; dispose(): void };
}

const WIDTH = 860;
const LABEL_WIDTH = 264;
const BAR_HEIGHT = 30;
const FRAME_HEIGHT = 96;
const COLOURS = { ours: "#2f81f7", other: "#8b949e", baseline: "#d29922" };
const FLOOR_COLOUR = "#f85149";
// Drawn in this colour, then left to the page's own.
const TEXT = "#010203";
const FAINT = "#7d8590";
const STYLE =
  "<style>svg{color:#1f2328;font-family:system-ui,sans-serif}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>";

/** @param bars from the top */
export function drawThroughput(bars: readonly Bar[], subtitle: string): string {
  const echarts = requireCompetitor<Echarts>("echarts");
  const height = FRAME_HEIGHT + bars.length * BAR_HEIGHT;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  const text = { color: TEXT, fontFamily: "inherit" };
  chart.setOption({
    animation: false,
    title: {
      text: "Requests a second over those of a bare Express route",
      subtext: subtitle,
      textStyle: { ...text, fontSize: 16 },
      subtextStyle: { color: FAINT, fontFamily: "inherit" },
      left: 8,
      top: 4,
    },
    grid: { left: LABEL_WIDTH, right: 64, top: 64, bottom: 32 },
    xAxis: {
      type: "value",
      axisLabel: { color: FAINT },
      splitLine: { lineStyle: { color: FAINT, opacity: 0.25 } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: bars.map(({ title }) => title.replaceAll("`", "")),
      axisLabel: { ...text, fontSize: 12 },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: FAINT } },
    },
    series: [
      {
        type: "bar",
        barWidth: "62%",
        data: bars.map(({ ratio, kind }) => ({
          value: ratio,
          itemStyle: { color: COLOURS[kind], borderRadius: [0, 3, 3, 0] },
        })),
      },
      {
        type: "scatter",
        name: "floor",
        symbol: "rect",
        symbolSize: [3, BAR_HEIGHT * 0.8],
        itemStyle: { color: FLOOR_COLOUR },
        data: bars.flatMap(({ floor }, index) => (floor === undefined ? [] : [[floor, index]])),
      },
      {
        // The figures: right of the bar, and of the mark where that is farther.
        type: "scatter",
        symbolSize: 0,
        data: bars.map(({ ratio, floor = 0 }, index) => [Math.max(ratio, floor), index]),
        label: {
          show: true,
          position: "right",
          distance: 10,
          ...text,
          formatter: ({ dataIndex }: { dataIndex: number }) => bars[dataIndex]?.ratio.toFixed(2),
        },
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg.replaceAll(TEXT, "currentColor").replace(">", `>${STYLE}`)}\n`;
}
