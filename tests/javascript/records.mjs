// Records and answers of runs for the tests.

/** The record of a run that has taken `steps` steps of 10, each 0.5 s long. */
export function recordOf(steps, changes = {}) {
  const step = Array.from({ length: steps }, (_, i) => i + 1);
  return {
    run: "local:a",
    status: "running",
    reason: null,
    step: steps,
    steps: 10,
    tokens_per_step: 64,
    tokens_per_second: null,
    seconds_left: null,
    best: null,
    train: {
      step,
      loss: step.map((n) => (40 - n) / 10),
      smooth: step.map((n) => (41 - n) / 10),
      seconds: step.map((n) => n / 2),
    },
    events: [],
    ...changes,
  };
}

export const evaluation = (step, loss) => ({ type: "evaluation", step, loss, seconds: step / 2 });

/** The answer to a poll: points from the `from`th on, of a run that has taken `steps` steps. */
export function answerOf(from, steps, changes = {}) {
  const { train, events, ...state } = recordOf(steps, changes);
  const columns = Object.entries(train).map(([name, column]) => [name, column.slice(from)]);
  return { ...state, from, train: Object.fromEntries(columns), from_events: 0, events };
}
