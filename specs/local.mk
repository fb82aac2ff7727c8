EXTRA_DIST += \
	build-aux/gen-protocol \
	build-aux/gen-protocol.pl \
	%D%/ca-profile \
	%D%/cddl \
	%D%/dab-fig6.md \
	%D%/link \
	%D%/protocol \
	%D%/sched \
	%D%/sessions
