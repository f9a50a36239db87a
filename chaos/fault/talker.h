/* Two processes that talk over TCP, for tests of faults on packets: this test program again. One answers each message
 * with itself; the other sends one after the other and writes a line about how long each took there and back, in us, or
 * the errno with which it failed. Tests only. */
#ifndef CHAOS_FAULT_TALKER_H
#define CHAOS_FAULT_TALKER_H

#define TALKER_MESSAGE 16384 /* bytes: a dozen packets */

/* argv: program, "listen" or "talk", port (of 127.0.0.1). Who listens says in a first line at which port, "PORT 0": 0
 * is any that is free. Never returns. */
int talker_main(char **argv);

#endif
