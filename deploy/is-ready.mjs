// The health check of an image: ends with 0 while the service beside it says that it is ready.
import process from "node:process";

const port = process.env.OPERATIONS_PORT || process.env.PORT;
const url = `http://127.0.0.1:${port}/health/ready`;
const isReady = await fetch(url).then(
  (response) => response.ok,
  () => false,
);
process.exit(isReady ? 0 : 1);
