
j
f.protop.q"4
R
r (2.p.q.RRr
N
r (2.p.q.RRr2
S
A.p.q.R.p.q.R.N0bproto3