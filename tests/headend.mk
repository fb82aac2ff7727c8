# Tests of run-headend and of what deploy holds.
scenarios += %D%/scenarios/headend-judge.t
if WITH_MUX
if WITH_SCS
if WITH_ECMG
if WITH_CLI
scenarios += \
	%D%/scenarios/deploy.t \
	%D%/scenarios/head-end.t \
	%D%/scenarios/run-headend.t
endif
endif
endif
endif
