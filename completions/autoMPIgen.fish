complete -c autoMPIgen -s n -l num -l n -d 'How many hosts [default: 1]; with -x: how many CPUs' -r
complete -c autoMPIgen -s s -l slots -d 'So many slots with each host' -r
complete -c autoMPIgen -l format -d 'Whose host file [default: openmpi]' -r -f -a "openmpi\t''
mpich\t''
intel\t''
slurm\t''
pbs\t''
hosts\t''"
complete -c autoMPIgen -l policy -d 'What makes a host good [default: balanced]' -r -f -a "balanced\t''
cpu\t''
mem\t''
random\t''
classic\t''"
complete -c autoMPIgen -l cpu-delta -d 'Differences of cost below this do not count [default: 0.1]' -r
complete -c autoMPIgen -l mem-delta -d 'Differences of memory below this do not count, like 512M or 2G [default: 1G]' -r
complete -c autoMPIgen -l exclude -d 'Leave these hosts out: names or addresses with commas between' -r
complete -c autoMPIgen -l max-age -d 'Leave out hosts whose figures are older' -r
complete -c autoMPIgen -l min -d 'Fewer eligible hosts than this are an error (exit 4)' -r
complete -c autoMPIgen -l seed -d 'Make the random part of the choice repeatable' -r
complete -c autoMPIgen -s p -l port -d 'The daemon\'s client port [default: 1981]' -r
complete -c autoMPIgen -l socket -d 'Exactly this daemon: a socket\'s path, or HOST:PORT' -r
complete -c autoMPIgen -s i -l info -d 'Print what the file would hold, and write none'
complete -c autoMPIgen -s v -l verbose -d 'Show the chosen hosts as a table'
complete -c autoMPIgen -s I -l ip -l IP -d 'Addresses instead of names'
complete -c autoMPIgen -s q -l quantify -d 'As many slots with each host as it has CPUs'
complete -c autoMPIgen -s x -l cpus -d '-n counts CPUs; the last host may have more than are missing'
complete -c autoMPIgen -l exact -d 'With -x: the last host gets only the slots that are missing'
complete -c autoMPIgen -l no-pending -d 'Don\'t tell the daemon that a job starts there'
complete -c autoMPIgen -s c -l cpu -d 'Order by CPU load per core (with -m: the combination)'
complete -c autoMPIgen -s m -l mem -d 'Order by available memory'
complete -c autoMPIgen -s r -l random -d 'Any order'
complete -c autoMPIgen -l exclude-self -d 'Leave this host out'
complete -c autoMPIgen -l strict -d 'Fewer hosts than -n are an error (exit 5)'
complete -c autoMPIgen -l explain -d 'For each host: its cost and the terms of it, or why it is left out'
complete -c autoMPIgen -s h -l help -d 'Print help (see more with \'--help\')'
