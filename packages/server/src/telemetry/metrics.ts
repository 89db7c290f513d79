import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

const HTTP_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120,
];
const START_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];
const LAG_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300];
const RUN_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

export interface ObservedRequest {
  readonly method: string;
  /** The route's pattern: addresses themselves are too many. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** What http/ reports. */
export interface HttpMetrics {
  readonly streamClients: Pick<Gauge, "set">;
  observeRequest(request: ObservedRequest): void;
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Every metric of the server, in base units, without labels that name scripts, targets or people. */
export function createMetrics(version: string) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  buildInfo(registers, version);
  return {
    registry,
    ...httpMetrics(registers),
    ...runMetrics(registers),
    ...executionMetrics(registers),
    ...notificationMetrics(registers),
    ...scheduleMetrics(registers),
    engineUp: new Gauge({
      name: "deckhand_engine_up",
      help: "1 when the engine answers",
      labelNames: ["engine"],
      registers,
    }),
  };
}

function buildInfo(registers: Registry[], version: string): void {
  const labelNames = ["version", "node"];
  const gauge = new Gauge({
    name: "deckhand_build_info",
    help: "The version that runs",
    labelNames,
    registers,
  });
  gauge.set({ version, node: process.version }, 1);
}

function httpMetrics(registers: Registry[]): HttpMetrics & { readonly streamClients: Gauge } {
  const labelNames = ["method", "route", "status"];
  const requests = new Counter({
    name: "deckhand_http_requests_total",
    help: "Answered requests",
    labelNames,
    registers,
  });
  const durations = new Histogram({
    name: "deckhand_http_request_duration_seconds",
    help: "From a request's headers to the end of its answer",
    labelNames: ["method", "route"],
    buckets: HTTP_BUCKETS,
    registers,
  });
  return {
    streamClients: new Gauge({
      name: "deckhand_stream_clients",
      help: "Open event streams",
      registers,
    }),
    observeRequest: ({ method, route, status, durationMs }) => {
      requests.inc({ method, route, status });
      durations.observe({ method, route }, durationMs / 1000);
    },
  };
}

function runMetrics(registers: Registry[]) {
  return {
    runs: new Counter({
      name: "deckhand_runs_total",
      help: "Runs that ended",
      labelNames: ["kind", "state"],
      registers,
    }),
    queueWait: new Histogram({
      name: "deckhand_queue_wait_seconds",
      help: "From an execution's acceptance until its start begins",
      buckets: START_BUCKETS,
      registers,
    }),
    outputBytes: new Counter({
      name: "deckhand_output_bytes_total",
      help: "Bytes that scripts wrote",
      registers,
    }),
  };
}

function notificationMetrics(registers: Registry[]) {
  return {
    deliveryAttempts: new Counter({
      name: "deckhand_notification_attempts_total",
      help: "Attempts to tell receivers, by the kind of receiver",
      labelNames: ["kind", "result"],
      registers,
    }),
    triggerFires: new Counter({
      name: "deckhand_trigger_fires_total",
      help: "What came to triggers, and what became of it",
      labelNames: ["kind", "outcome"],
      registers,
    }),
    deliveriesOwed: new Gauge({
      name: "deckhand_notifications_owed",
      help: "What receivers are still to be told",
      registers,
    }),
  };
}

function scheduleMetrics(registers: Registry[]) {
  return {
    scheduleFires: new Counter({
      name: "deckhand_schedule_fires_total",
      help: "What became of the times of schedules",
      labelNames: ["result", "cause"],
      registers,
    }),
    scheduleLag: new Histogram({
      name: "deckhand_schedule_lag_seconds",
      help: "How much later than due runs of schedules were accepted",
      buckets: LAG_BUCKETS,
      registers,
    }),
  };
}

function executionMetrics(registers: Registry[]) {
  return {
    executions: new Counter({
      name: "deckhand_executions_total",
      help: "Executions that ended",
      labelNames: ["state", "engine"],
      registers,
    }),
    executionDuration: new Histogram({
      name: "deckhand_execution_duration_seconds",
      help: "How long scripts ran",
      buckets: RUN_BUCKETS,
      registers,
    }),
    startLatency: new Histogram({
      name: "deckhand_start_latency_seconds",
      help: "From the start's begin until the script runs",
      labelNames: ["way"],
      buckets: START_BUCKETS,
      registers,
    }),
    executionsInFlight: new Gauge({
      name: "deckhand_executions_in_flight",
      help: "Executions that start or run",
      registers,
    }),
    executionsQueued: new Gauge({
      name: "deckhand_executions_queued",
      help: "Executions that wait",
      registers,
    }),
  };
}
