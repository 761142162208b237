/* Leaks what waits in the queues of sockets: sent, and never read.
 *
 *     process ---send---> the kernel                        ---recv---> nobody
 *                         +-------+-------+-------+
 *                         |  skb  |  skb  |  skb  |  until the send buffer is full (SO_SNDBUF),
 *                         +-------+-------+-------+  then comes another pair of sockets
 *
 * Recv-Q in ss shows it. The bytes are slab memory (SUnreclaim) of the kernel; RSS does not move.
 * Gone with the process. --control reads the message in the same event.
 */
#include "harness.h"
#include <sys/socket.h>

static int ends[2] = {-1, -1};
static char *chunk;

static bool leak(struct unit *unit)
{
    if (send(ends[0], chunk, options.chunk, MSG_DONTWAIT) < 0) { LEAKS_HERE();
        if (ends[0] >= 0 && errno != EAGAIN && errno != ENOBUFS)
            return false;
        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0
            || send(ends[0], chunk, options.chunk, MSG_DONTWAIT) < 0)
            return false;
    }
    unit->fd[0] = ends[1];
    return true;
}

static void give_back(struct unit *unit)
{
    (void)!recv(unit->fd[0], chunk, options.chunk, MSG_DONTWAIT);
}

static bool start(void)
{
    chunk = calloc(1, options.chunk);
    return chunk;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "kernel-sockets", .pattern = "kernel", .rate = "1MiB/s", .chunk = 16 * KIB, .cap = 16 * MIB,
        .chunk_below = 64 * KIB, .elsewhere = "the send buffer would not take it",
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
