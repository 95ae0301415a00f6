// What a user of BullMQ writes: a job a delivery, 100 at a time, each result kept by BullMQ's defaults.
// usage: bullmq.js fill COUNT | bullmq.js work, with BENCH_REDIS, BENCH_SINK, BENCH_MESSAGE and BENCH_APPS set
const { Queue, Worker } = require('bullmq');
const IORedis = require('ioredis');
const { Agent, request } = require('undici');

const AT_ONCE = 500;
const CONCURRENT = 100;
const connection = new IORedis(process.env.BENCH_REDIS, { maxRetriesPerRequest: null });

async function fill(count) {
  const queue = new Queue('deliver', { connection });
  const apps = Number(process.env.BENCH_APPS);
  for (let start = 0; start < count; start += AT_ONCE) {
    const jobs = [];
    for (let number = start; number < Math.min(start + AT_ONCE, count); number += 1) {
      jobs.push({ name: 'hipchat', data: { room: `room-${number % apps}`, id: `event-${number}` } });
    }
    await queue.addBulk(jobs);
  }
  await queue.close();
  connection.disconnect();
}

function work() {
  const { headers, body } = JSON.parse(process.env.BENCH_MESSAGE);
  const dispatcher = new Agent({ connections: CONCURRENT, pipelining: 1 });
  const deliver = async (job) => {
    const url = `${process.env.BENCH_SINK}/v2/room/${job.data.room}/notification`;
    const response = await request(url, { method: 'POST', dispatcher, headers, body });
    await response.body.dump();
    return { status: response.statusCode };
  };
  const worker = new Worker('deliver', deliver, { connection, concurrency: CONCURRENT });
  process.on('SIGTERM', async () => { await worker.close(); process.exit(0); });
}

if (process.argv[2] === 'fill') fill(Number(process.argv[3])); else work();
