"""What lies in a slab cache, by its name: what a person would look for."""

from __future__ import annotations

# names as the kernel's own kmem_cache_create calls give them (fs/, net/, kernel/fork.c, mm/)
_WORDS = {
    "filp": "open files",
    "dentry": "names of files, also of those that are not there",
    "inode_cache": "inodes of pipes, of anonymous files and of small file systems",
    "sock_inode_cache": "sockets",
    "shmem_inode_cache": "files on tmpfs, memory files, System V segments",
    "proc_inode_cache": "files of /proc that were looked at",
    "lsm_inode_cache": "what security modules note of each inode that is in memory",
    "jbd2_inode": "what the journal notes of each inode that is in memory",
    "kernfs_node_cache": "files of /sys and of cgroups",
    "skbuff_head_cache": "packets and messages that wait in sockets",
    "skbuff_fclone_cache": "packets that TCP may have to send again",
    "UNIX": "sockets within the machine",
    "UNIX-STREAM": "sockets within the machine",
    "TCP": "TCP connections",
    "TCPv6": "TCP connections",
    "UDP": "UDP sockets",
    "UDPv6": "UDP sockets",
    "tw_sock_TCP": "TCP connections that were closed a minute ago",
    "nf_conntrack": "connections that the firewall follows",
    "task_struct": "threads and processes, zombies too",
    "signal_cache": "processes, zombies too",
    "sighand_cache": "processes, zombies too",
    "mm_struct": "processes",
    "pid": "pids, of zombies too",
    "cred_jar": "credentials, of threads and of open files",
    "vm_area_struct": "mappings of processes",
    "anon_vma": "mappings of processes",
    "anon_vma_chain": "mappings of processes",
    "eventpoll_epi": "descriptors that epoll watches",
    "buffer_head": "blocks of files and disks in the page cache",
    "radix_tree_node": "the indexes of the page cache",
    "mnt_cache": "mounts",
    "ksm_rmap_item": "pages that KSM may merge",
}
# not marked reclaimable, but freed with the inodes that the kernel gives back (security/security.c,
# security_inode_free; fs/ext4/super.c, ext4_clear_inode)
FREED_WITH_INODES = frozenset({"lsm_inode_cache", "jbd2_inode"})


def lies_in(cache: str) -> str | None:
    """In words; None for a cache that is not known, as a driver's own."""
    if cache.startswith("kmalloc-rcl-"):
        return "objects without a cache of their own, that the kernel gives back"
    if cache.startswith(("kmalloc-cg-", "msg_msg")):
        return "what the kernel keeps for a process, up to that size: messages, buffers of sockets and pipes' rings"
    if cache.startswith("kmalloc-"):
        return "objects up to that size that are charged to no process: mostly of drivers and of the kernel itself"
    return _WORDS.get(cache)
