/* Leaks System V messages: sent, and never received.
 *
 *     process ---msgsnd---> the kernel
 *                           +-------+-------+-------+
 *                           |  msg  |  msg  |  msg  |   queue 3, at most 16 KiB (kernel.msgmnb)
 *                           +-------+-------+-------+
 *
 * Messages are memory of the kernel (slab, SUnreclaim): no process shows them, and they outlive the
 * sender. ipcs -q and /proc/sysvipc/msg name the queues. A full queue is followed by a new one.
 * --control receives the message in the same event.
 */
#include "harness.h"
#include <sys/msg.h>

enum { MOST = 32000 }; /* the kernel's own limit, MSGMNI */
static int queues[MOST], count;
static struct { long type; char text[8 * KIB]; } message = {.type = 1};

static bool send_to_newest(void)
{
    if (count == 0)
        return false;
    bool sent = msgsnd(queues[count - 1], &message, options.chunk, IPC_NOWAIT) == 0; LEAKS_HERE();
    return sent;
}

static bool leak(struct unit *unit)
{
    if (!send_to_newest()) {
        int queue = count < MOST ? msgget(next_key(), IPC_CREAT | IPC_EXCL | 0600) : -1;
        if (queue < 0)
            return false;
        queues[count++] = queue;
        if (!send_to_newest())
            return false;
    }
    unit->id = queues[count - 1];
    return true;
}

static void give_back(struct unit *unit)
{
    msgrcv(unit->id, &message, sizeof message.text, 0, IPC_NOWAIT);
}

/* Queues outlive their process: by hand, nobody else would remove them. */
static void end(void)
{
    while (count)
        msgctl(queues[--count], IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "kernel-messages", .pattern = "kernel", .rate = "512KiB/s", .chunk = 4000, .cap = 16 * MIB,
        .chunk_below = 8 * KIB + 1, .elsewhere = "that is the most the kernel takes (kernel.msgmax)",
        .basis = "resident", .touch = WHOLLY_TOUCHED, .leak = leak, .give_back = give_back, .end = end});
}
