/* Leaks memory files that are parked in the queue of a socket.
 *
 *     +---------+    socket     +---------------------+      +------------+
 *     | process | ============> | queue: a message    | ---> |  memfd     |
 *     +---------+               | with a descriptor   |      |  pages     |
 *          ^ has closed it      +---------------------+      +------------+
 *
 * A descriptor that was sent (SCM_RIGHTS) and not yet received lives in the queue alone: it is in
 * no process's fd, in no smaps, and the number of open files does not move. Shmem does.
 * Gone with the socket. --control receives it again and closes it, in the same event.
 */
#include "harness.h"
#include <sys/mman.h>
#include <sys/socket.h>

static int ends[2];
static char *chunk;

static bool fill(int file)
{
    for (size_t done = 0; done < options.chunk;) {
        ssize_t more = write(file, chunk + done, options.chunk - done);
        if (more < 0)
            return false;
        done += more;
    }
    return true;
}

/* A message of one byte with room for one descriptor. */
static struct msghdr *message(void)
{
    static char byte;
    static struct iovec text = {&byte, 1};
    static union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } rights;
    static struct msghdr message;
    rights.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    message = (struct msghdr){.msg_iov = &text, .msg_iovlen = 1, .msg_control = rights.room, .msg_controllen = sizeof rights};
    return &message;
}

static bool leak(struct unit *unit)
{
    int file = memfd_create("leak", MFD_CLOEXEC);
    if (file < 0 || !fill(file))
        return false;
    struct msghdr *parcel = message();
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(parcel)), &file, sizeof file);
    bool sent = sendmsg(ends[0], parcel, MSG_DONTWAIT) == 1; LEAKS_HERE();
    close(file); /* the queue holds it now */
    (void)unit;
    return sent;
}

static void give_back(struct unit *unit)
{
    struct msghdr *parcel = message();
    if (recvmsg(ends[1], parcel, MSG_DONTWAIT) == 1) {
        memcpy(&unit->fd[0], CMSG_DATA(CMSG_FIRSTHDR(parcel)), sizeof unit->fd[0]);
        close(unit->fd[0]);
    }
}

static bool start(void)
{
    chunk = calloc(1, options.chunk);
    return chunk && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "memfd-parked", .pattern = "memfd", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
