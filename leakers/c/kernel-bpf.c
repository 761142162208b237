/* Leaks BPF maps: arrays in the kernel, held by a descriptor.
 *
 *     /proc/PID/fd             the kernel
 *     4 -> anon_inode:bpf-map  +-----------------------+
 *                          --> |  array, vmalloc'ed    |   VmallocUsed, and no RSS
 *                              +-----------------------+
 *
 * As tracing agents do that load their programs again at every change. Needs CAP_BPF, or
 * kernel.unprivileged_bpf_disabled=0. Nothing is pinned, so the maps end with the process.
 * --control closes the map in the same event.
 */
#include "harness.h"
#include <linux/bpf.h>
#include <sys/syscall.h>

static int make_map(void)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 4096;
    attributes.max_entries = options.chunk / 4096;
    int map = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes); LEAKS_HERE();
    return map;
}

static bool leak(struct unit *unit)
{
    unit->fd[0] = make_map();
    return unit->fd[0] >= 0;
}

static void give_back(struct unit *unit)
{
    close(unit->fd[0]);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "kernel-bpf", .pattern = "kernel", .rate = "1MiB/s", .chunk = 256 * KIB, .chunk_from = 4 * KIB,
        .elsewhere = "an element of the array has 4 KiB", .cap = 16 * MIB, .basis = "resident",
        .touch = WHOLLY_TOUCHED, .leak = leak, .give_back = give_back});
}
