// How the program's allocator, jemalloc, is set up: it reads this name before
// main. MALLOC_CONF in the environment goes before it.
//
// With glibc's, 1,000 clients with bodies of 1.3 MB had the relay at 940 MiB,
// of which 250 were in use: a body that is freed leaves a hole in a heap, and
// heaps do not shrink in the middle. This one takes 460 MiB at the same rate:
// freed pages go back after a second, by a thread of its own where nobody else
// comes by. Few arenas: each keeps what it freed for itself.
extern "C" {
extern const char* const malloc_conf;
const char* const malloc_conf =
    "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true";
}
