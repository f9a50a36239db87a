/* The process the tests of faults act on: this test program again, which does over and over what a server does to its
 * machine, and writes a line about how each went. Tests only. */
#ifndef CHAOS_FAULT_VICTIM_H
#define CHAOS_FAULT_VICTIM_H

/* "probe=errno ..." per turn; errno 0: it went well, VICTIM_SHORT: a write took less than all. */
enum victim_probe {
    PROBE_OPEN,
    PROBE_GROW,
    PROBE_MAP,
    PROBE_FORK,
    PROBE_READ,
    PROBE_WRITE,
    PROBE_SYNC,
    PROBE_RENAME,
    PROBE_TEMP,
    PROBE_SEND,
    PROBE_COUNT
};
#define VICTIM_SHORT 9999
#define VICTIM_BUSY  "busy" /* argv[3]: between the turns it computes */
#define VICTIM_GROW  "grow" /* argv[3]: each turn it takes a megabyte more */

/* argv: program, "victim", folder, kind. Never returns. */
int victim_main(int argc, char **argv);

#endif
