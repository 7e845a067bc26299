/* Makes system calls on files fail as a bad disk or a full one would, for a process that is started
 * with this in LD_PRELOAD. What fails is told by the file that BAD_DISK names, line by line:
 *
 *     <call> <part of the file's path> <errno>
 *
 * It is read at every call, so that a test can change its mind while the process runs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The error for this call on this path, 0 if it goes through. */
static int verdict(const char *call, const char *path) {
    const char *control = getenv("BAD_DISK");
    if (control == NULL) return 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[1024];
    ssize_t size = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (size <= 0) return 0;
    text[size] = 0;
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[64], part[256];
        int code;
        if (sscanf(line, "%63s %255s %d", name, part, &code) == 3 && strcmp(name, call) == 0 &&
            strstr(path, part) != NULL)
            return code;
    }
    return 0;
}

static int verdict_of(const char *call, int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return verdict(call, path);
}

#define FAIL(code) do { int why = (code); if (why) { errno = why; return -1; } } while (0)

int fsync(int fd) {
    FAIL(verdict_of("sync", fd));
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    FAIL(verdict_of("sync", fd));
    return (int)syscall(SYS_fdatasync, fd);
}

/* The path of the file that is mapped there. */
static int verdict_at(const char *call, const void *address) {
    char line[4352], path[4096];
    int code = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL) return 0;
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &from, &to, path) == 3 &&
            from <= (unsigned long)address && (unsigned long)address < to) {
            code = verdict(call, path);
            break;
        }
    }
    fclose(maps);
    return code;
}

int msync(void *address, size_t len, int flags) {
    FAIL(verdict_at("sync", address));
    return (int)syscall(SYS_msync, address, len, flags);
}

int syncfs(int fd) {
    FAIL(verdict_of("syncfs", fd));
    return (int)syscall(SYS_syncfs, fd);
}

int fallocate(int fd, int mode, off_t from, off_t len) {
    FAIL(verdict_of("fallocate", fd));
    return (int)syscall(SYS_fallocate, fd, mode, from, len);
}

int fallocate64(int fd, int mode, off64_t from, off64_t len) {
    return fallocate(fd, mode, from, len);
}

ssize_t write(int fd, const void *bytes, size_t len) {
    FAIL(fd > 2 ? verdict_of("write", fd) : 0);
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    FAIL(verdict_of("write", fd));
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    return pwrite64(fd, bytes, len, at);
}

int ftruncate(int fd, off_t len) {
    FAIL(verdict_of("truncate", fd));
    return (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off64_t len) {
    return ftruncate(fd, len);
}

int rename(const char *from, const char *to) {
    FAIL(verdict("rename", from));
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

#define OPEN(path, flags)                                                                          \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                         \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }                                                                                              \
    FAIL(verdict("open", path));                                                                   \
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode)

int open64(const char *path, int flags, ...) { OPEN(path, flags); }

int open(const char *path, int flags, ...) { OPEN(path, flags); }
