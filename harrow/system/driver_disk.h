/* A file system of its own for the data of a system that runs as processes: `--disk image`, root only. It lies in a
 * file of the run's folder (world/image.h) and can lose its power (chaos/fault/machine/power_loss.c). Only harrow and
 * what it starts see it mounted; it goes with harrow, but for the file, which --keep keeps. */
#ifndef HARROW_SYSTEM_DRIVER_DISK_H
#define HARROW_SYSTEM_DRIVER_DISK_H

#include "harrow/system/system.h"

#define DISK_OPTION                                                                                                    \
    {                                                                                                                  \
        .name = "disk", .kind = OPTION_CHOICE, .target = &common.disk, .argument = "KIND", .choices = disk_names,      \
        .help = "processes: the system's data on this machine's file system (default), or in an image (needs root)"    \
    }
extern const char *const disk_names[];

bool driver_disk_asked(void); /* on the command line, or by the experiment's file */
/* Whether that goes with no other driver than this one's; says so. */
bool driver_disk_refuses(const char *command);
/* Once there is a data folder with nothing in it. */
int driver_disk_start(struct system *s, struct error *err);
void driver_disk_stop(struct system *s); /* when the processes are gone */

#endif
