// The thread pool's size is read before an ES module can set it; design section 9. `build.mjs` writes one per process.
process.env.UV_THREADPOOL_SIZE ??= '32';
import('../esm/ROOM/main.js');
