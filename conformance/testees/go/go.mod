module plmhead-testee

go 1.22
