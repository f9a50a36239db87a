/* The RSA key pair of simulated runs: fixed, so that tokens are the same in every run of a seed. It signs nothing
 * outside a simulation and guards nothing. */
#ifndef RUNTIME_SERVER_SIM_KEYS_H
#define RUNTIME_SERVER_SIM_KEYS_H

extern const char sim_private_key[], sim_public_key[];

#endif
