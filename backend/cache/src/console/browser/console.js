// The console's script: draws the chart, keeps tiles fresh, and reads the live tail. Pages work without it.
(() => {
  const POLL_MS = 5000;
  const MAX_POINTS = 720;
  const MAX_ROWS = 200;

  const chart = document.getElementById("chart");
  if (chart) follow(chart);
  const tail = document.querySelector("#tail tbody");
  if (tail) listen(tail);

  /** Overview: a point every five seconds, after what the server remembers. */
  function follow(element) {
    let points = [];
    let plot;
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const draw = () => {
      plot?.destroy();
      const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 } };
      // As wide as its longest label: "100 %" does not fit into what uPlot leaves.
      const size = (_plot, labels) => 20 + 8 * Math.max(5, ...(labels ?? []).map(({ length }) => length));
      plot = new uPlot(
        {
          width: element.clientWidth,
          height: 240,
          cursor: { y: false },
          legend: { show: false },
          scales: {
            share: { range: [0, 100] },
            ms: { range: (_plot, _least, most) => [0, Math.max(1, most || 0)] },
          },
          axes: [
            axis,
            { ...axis, size, scale: "share", values: (_plot, all) => all.map((value) => `${value} %`) },
            {
              ...axis,
              size,
              grid: { show: false },
              scale: "ms",
              side: 1,
              values: (_plot, all) => all.map((value) => `${value} ms`),
            },
          ],
          series: [
            {},
            { label: "hit ratio", scale: "share", stroke: color("--first"), width: 2, spanGaps: true },
            { label: "latency", scale: "ms", stroke: color("--second"), width: 2, spanGaps: true },
          ],
        },
        columns(points),
        element,
      );
    };
    const ask = async (history) => {
      const response = await fetch(history ? "figures?history" : "figures");
      // Logged out meanwhile: the page itself leads to the login.
      if (response.status === 401 || response.status === 403) return location.reload();
      const figures = await response.json();
      if (history) points = figures.history;
      points = [...points, figures.point].slice(-MAX_POINTS);
      for (const [name, text] of Object.entries(figures.tiles)) {
        const tile = document.querySelector(`[data-live="${name}"]`);
        if (tile && tile.textContent !== text) tile.textContent = text;
      }
      const { hitRatio, latency } = figures.tiles;
      element.setAttribute("aria-label", `Hit ratio and latency over time. Now: ${hitRatio}, ${latency}`);
      if (history) draw();
      else plot?.setData(columns(points));
    };
    const repeat = (history) =>
      ask(history)
        .catch(() => undefined)
        .then(() => setTimeout(repeat, POLL_MS, points.length === 0));
    repeat(true);
    new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: 240 })).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && draw());
  }

  /** Counts only grow: the ratio of an interval is that of the differences. */
  function columns(points) {
    const ratios = points.map(({ hits, misses }, index) => {
      const before = points[index - 1];
      const lookups = before ? hits + misses - before.hits - before.misses : 0;
      return lookups > 0 ? (100 * (hits - before.hits)) / lookups : null;
    });
    return [points.map(({ at }) => at / 1000), ratios, points.map(({ latencyMs }) => latencyMs)];
  }

  function listen(body) {
    const state = document.getElementById("tail-state");
    const stop = document.getElementById("tail-stop");
    const stream = new EventSource(`tail-events${location.search}`);
    let skipped = 0;
    stream.onopen = () => say("Following.");
    stream.onerror = () =>
      say(stream.readyState === EventSource.CLOSED ? "Not followed: reload to try again." : "Connecting.");
    stream.onmessage = ({ data }) => {
      body.prepend(row(JSON.parse(data)));
      while (body.rows.length > MAX_ROWS) body.lastElementChild.remove();
    };
    stream.addEventListener("count", ({ data }) => {
      skipped += JSON.parse(data).skipped;
      if (skipped > 0) say(`Following. ${skipped} events were too many to show.`);
    });
    stop.addEventListener("click", () => {
      stream.close();
      say("Stopped.");
    });
    function say(text) {
      if (state.textContent !== text) state.textContent = text;
    }
  }

  /** By textContent alone: what is in events is anybody's text. */
  function row({ at, event, tenant, module, detail, key }) {
    const line = document.createElement("tr");
    const time = new Date(at).toISOString().slice(11, 23);
    for (const text of [time, event, tenant, module, detail, key]) {
      const cell = document.createElement("td");
      cell.textContent = text ?? "";
      line.append(cell);
    }
    return line;
  }
})();
