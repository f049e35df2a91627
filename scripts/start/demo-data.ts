// Loads the demo data into an empty database, and shows how far it is.
import cliProgress from "cli-progress";
import { isSeeded, seedDemoData } from "../../backend/seed/index.js";

const PLAIN_STEP_PERCENT = 20;

/** Loads the demo data unless it is there: all of it or, when interrupted, nothing. */
export async function loadDemoData(databaseUrl: string): Promise<void> {
  if (await isSeeded(databaseUrl)) return;
  const onProgress = process.stdout.isTTY ? progressBar() : progressLines();
  await seedDemoData(databaseUrl, { onProgress });
}

function progressBar(): (done: number, total: number) => void {
  const bar = new cliProgress.SingleBar(
    {
      format: "loading demo data {bar} {percentage}% | {value}/{total} rows",
      clearOnComplete: false,
      stopOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  let begun = false;
  return (done, total) => {
    if (!begun) bar.start(total, done);
    begun = true;
    bar.update(done);
  };
}

/** For logs, where a bar would be one long line of control characters. */
function progressLines(): (done: number, total: number) => void {
  let next = 0;
  return (done, total) => {
    const percent = Math.floor((done / total) * 100);
    if (percent < next) return;
    next = percent - (percent % PLAIN_STEP_PERCENT) + PLAIN_STEP_PERCENT;
    console.log(`loading demo data: ${percent}% (${done} of ${total} rows)`);
  };
}
