/* Loaded before libc: counts each fsync() of a file or folder below $SYNCS_BELOW, and kills the process instead of doing
 * number $SYNCS_FATAL. Whole files are synced, renamed, and their folder synced: so before each of these calls the disk
 * holds every state that a death can leave, whether Python or the core writes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int counted;

int fsync(int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    const char *below = getenv("SYNCS_BELOW"), *trace = getenv("SYNCS_TRACE"), *fatal = getenv("SYNCS_FATAL");
    char link[64], path[PATH_MAX] = "";
    FILE *file;

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    if (!below || readlink(link, path, sizeof path - 1) < 0 || strncmp(path, below, strlen(below)))
        return real(descriptor);
    counted++;
    if (trace && (file = fopen(trace, "a"))) {
        fprintf(file, "%s\n", path);
        fclose(file);
    }
    if (fatal && atoi(fatal) == counted)
        kill(getpid(), SIGKILL);
    return real(descriptor);
}
